// Runs the simulation: `node run.mjs --seed N` one, `--seconds S` fresh ones, `--script FILE` one that is written down.
// With `--trace` a run shows what tabs request, read, post and are granted.
import {readFileSync} from 'node:fs';
import {parseArgs} from 'node:util';
import {Chance} from './scheduler.mjs';
import {compile, readSources} from './tab.mjs';
import {draw} from './verbs.mjs';
import {World} from './world.mjs';

/** @returns {Promise<{kind: string, text: string} | undefined>} The failure of a run. */
export function play(seed, verbs, compiled, traces = false) {
    const world = new World(seed, compiled);
    if (traces) world.trace = (who, text) => console.log(`${world.scheduler.now.toFixed(1)} ${who?.slot ?? who} ${text}`);
    return world.run(verbs);
}

export const drawn = seed => draw(new Chance(seed).branch('verbs'));

/** Remove verbs, and shorten waits, while a run still fails in the same way. @param {number} ms For all of it. */
export async function shrink(seed, verbs, compiled, kind, ms = 20_000) {
    const until = Date.now() + ms;
    const fails = async list => Date.now() < until && (await play(seed, list, compiled))?.kind === kind;
    for (let size = Math.ceil(verbs.length / 2); size >= 1;) {
        let hasShrunk = false;
        for (let i = 0; i < verbs.length;) {
            const rest = [...verbs.slice(0, i), ...verbs.slice(i + size)];
            if (await fails(rest)) {
                verbs = rest;
                hasShrunk = true;
            } else i += size;
        }
        if (size > 1 || !hasShrunk) size = size > 1 ? Math.ceil(size / 2) : 0;
    }
    for (let i = 0; i < verbs.length; i++) {
        const [name, ms] = verbs[i];
        if (name !== 'wait') continue;
        for (const shorter of [0, 100, 1000, 5000].filter(each => each < ms)) {
            const list = verbs.with(i, ['wait', shorter]);
            if (!await fails(list)) continue;
            verbs = list;
            break;
        }
    }
    return verbs;
}

/** A script that `--script` reads: the seed, then a verb in each line. */
export const written = (seed, verbs) => [`seed ${seed}`, ...verbs.map(each => JSON.stringify(each))].join('\n');

export function parseScript(text) {
    const [first, ...lines] = text.split('\n').map(line => line.trim()).filter(line => line && !line.startsWith('#'));
    return {seed: Number(first.replace('seed ', '')), verbs: lines.map(line => JSON.parse(line))};
}

const wallSeconds = () => performance.now() / 1000;

/** Seconds of a core, which other work on the machine does not change. */
export function cpuSeconds() {
    const {user, system} = process.cpuUsage();
    return (user + system) / 1e6;
}

/** Fresh runs until one fails or the time is over. @returns {Promise<{runs: number, seconds: number, seed?: number, failure?: any}>} */
export async function search(seconds, compiled, first = Math.floor(Math.random() * 2 ** 31), clock = wallSeconds) {
    const began = clock(), passed = () => clock() - began;
    for (let runs = 1; ; runs++) {
        const seed = (first + runs - 1) >>> 0, failure = await play(seed, drawn(seed), compiled);
        if (failure) return {runs, seconds: passed(), seed, failure};
        if (passed() >= seconds) return {runs, seconds: passed()};
    }
}

export async function report(seed, verbs, compiled, failure) {
    const least = await shrink(seed, verbs, compiled, failure.kind);
    const again = await play(seed, least, compiled) ?? failure;
    console.log(`seed ${seed} fails: ${failure.kind} ${failure.text}\n\nshortened to ${least.length} verbs: ${again.kind} ${again.text}\n\n${written(seed, least)}`);
    process.exitCode = 1;
}

async function main() {
    const {values} = parseArgs({options: {seed: {type: 'string'}, seconds: {type: 'string'}, script: {type: 'string'}, first: {type: 'string'}, trace: {type: 'boolean'}}});
    const compiled = compile(readSources());
    if (values.seconds) {
        const {runs, seconds, seed, failure} = await search(Number(values.seconds), compiled, values.first && Number(values.first));
        console.log(`${runs} runs in ${seconds.toFixed(1)} s, ${(runs / seconds).toFixed(1)} a second`);
        if (failure) await report(seed, drawn(seed), compiled, failure);
        return;
    }
    const {seed, verbs} = values.script ? parseScript(readFileSync(values.script, 'utf8')) : {seed: Number(values.seed), verbs: drawn(Number(values.seed))};
    const failure = await play(seed, verbs, compiled, values.trace);
    if (!failure) console.log(`seed ${seed}: ${verbs.length} verbs, and nothing to find`);
    else if (!values.trace) await report(seed, verbs, compiled, failure);
}

if (process.argv[1] === new URL(import.meta.url).pathname) await main();
