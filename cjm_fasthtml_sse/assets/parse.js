/**
 * The text of an event stream as blocks, and the order of its ids. These functions keep no state.
 */
(() => {
  "use strict";
  /** @type {Internals} */
  const sse = window.cjmSSE ??= {};
  if (sse.isLoaded) return;

  /** @type {Internals["parseJSON"]} */
  sse.parseJSON = text => {
    try { return Object(JSON.parse(/** @type {string} */ (text))); } catch { return {}; }
  };

  /** @type {Internals["isLater"]} Positions can exceed 2^53, so they are compared as text of the same length. Marks are ignored. */
  sse.isLater = (id, than) => {
    const [[, epoch, position], [, thanEpoch, thanPosition]] = [id, than].map(each => /** @type {RegExpMatchArray} */ (each.match(/^(.*?)-?([^-.]*)(\..*)?$/s)));
    return epoch !== thanEpoch || position.padStart(40) > thanPosition.padStart(40);
  };

  /**
   * Parses by WHATWG HTML 9.2.6. A block keeps every field, `topic` and `echo` included, and comments are blocks of their own. Only
   * new text is searched for line ends. The pieces of a line are joined once, when it ends.
   * @type {Internals["createParser"]}
   */
  sse.createParser = () => {
    /** @type {string[]} */
    let pieces = [];
    let endedInCR = false;
    /** @type {Block} */
    let block = {};

    /** @param {string} text @returns {string[]} The lines that `text` completes. */
    function takeLines(text) {
      if (endedInCR && text[0] === "\n") text = text.slice(1);
      endedInCR = text.endsWith("\r");
      const lines = text.split(/\r\n|\r|\n/);
      const rest = lines.pop();
      if (lines.length) {
        pieces.push(lines[0]);
        lines[0] = pieces.join("");
        pieces = [];
      }
      if (rest) pieces.push(rest);
      return lines;
    }

    /** @param {string} line @param {Block[]} blocks */
    function readField(line, blocks) {
      const [, field, value] = /** @type {RegExpMatchArray} */ (line.match(/^([^:]*):? ?(.*)$/s));
      if (field === "data") block.data = block.data === undefined ? value : `${block.data}\n${value}`;
      else if (field === "event" || field === "topic" || field === "echo") block[field] = value;
      else if (field === "id" && !value.includes("\0")) block.id = value;
      else if (field === "retry" && /^\d+$/.test(value)) block.retry = Number(value);
      else if (!field) blocks.push({comment: value});
    }

    return text => {
      /** @type {Block[]} */
      const blocks = [];
      for (const line of text ? takeLines(text) : []) {
        if (line) {
          readField(line, blocks);
          continue;
        }
        if (Object.keys(block).length) blocks.push(block);
        block = {};
      }
      return blocks;
    };
  };
})();
