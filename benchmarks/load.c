/* The load generator: many readers of one stream, and the publisher's trigger.

   load PORT PATH PUBLISH_PORT SMALL LARGE PID...

   SMALL and LARGE are the bytes that make the server publish one event of that size. Each event contains one '~', and
   readers count these. PIDs are the server's processes, whose CPU clocks are read at the start and end of each
   measurement. Commands are read from standard input. Each is answered by one line of JSON:

   connect N      open N more readers, at most 64 in flight
   freeze N       open N more that never read, with a small receive buffer
   run S MIN B K  for S seconds and at least MIN rounds: publish B events of kind K (s or l), wait until every reader
                  has received all of them
   idle S         read for S seconds, and publish nothing
   follow T S N   wait until every reader has N events, which another program publishes: the first at T seconds of the
                  monotonic clock, each other one S seconds after the one before

   The program does not block in epoll_wait. It sleeps 100 us between reads, so that each read returns much data and the
   server does not pay for waking this process at each send. So a delay is up to 100 us too long, for all systems. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MAXCONN 65536
#define FLIGHT 64
#define PATIENCE 120.0  /* Seconds to wait for the end of a round */

struct conn { int fd, head; long events; };
struct delay { uint32_t us, n; };

static struct conn conns[MAXCONN];
static struct delay *delays;
static long ndelays, capacity;
static int nconns, ep, pub, npids, waiting;
static pid_t pids[16];
static long long bytes;
static double every;  /* Seconds from one event to the next, if another program publishes */
static char buf[1 << 18];
static const char *path;
static int port;

static void die(const char *what) {
  fprintf(stderr, "load: %s: %s\n", what, errno ? strerror(errno) : "unexpected");
  exit(1);
}
static void give_up(const char *what) { errno = 0; die(what); }

static double clock_s(clockid_t id) {
  struct timespec t;
  if (clock_gettime(id, &t)) die("clock_gettime");
  return t.tv_sec + t.tv_nsec * 1e-9;
}
static double now(void) { return clock_s(CLOCK_MONOTONIC); }
static double server_clock(int kind) {  /* Linux: a process's CPU clock id combines its pid and the kind of clock */
  double s = 0;
  for (int i = 0; i < npids; i++) s += clock_s((clockid_t)((~(unsigned)pids[i] << 3) | kind));
  return s;
}
static double server_cpu(void) { return server_clock(2); }
static double server_user(void) { return server_clock(1); }  /* Outside the kernel, in ticks of several milliseconds */
static void nap(int us) { struct timespec t = {0, us * 1000L}; nanosleep(&t, NULL); }

static int dial(int to, int from, int rcvbuf) {  /* One source address for each 4,000 connections */
  int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;
  struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK + from / 4000)};
  struct linger gone = {1, 0};
  if (fd < 0) die("socket");
  setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &gone, sizeof gone);
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  if (rcvbuf) setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &rcvbuf, sizeof rcvbuf);
  if (bind(fd, (struct sockaddr *)&a, sizeof a)) die("bind");
  a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  a.sin_port = htons(to);
  if (connect(fd, (struct sockaddr *)&a, sizeof a)) die("connect");
  return fd;
}

static void watch(int fd, struct conn *c) {
  struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};
  if (epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e)) die("epoll_ctl");
}

static long look(double t0) {  /* Read all available data and return the number of events */
  static struct epoll_event es[1024];
  int n = epoll_wait(ep, es, 1024, 0);
  long all = 0;
  if (n <= 0) nap(100);
  for (int i = 0; i < n; i++) {
    struct conn *c = es[i].data.ptr;
    ssize_t r = recv(c ? c->fd : pub, buf, sizeof buf, MSG_DONTWAIT);
    if (r < 0 && errno == EAGAIN) continue;
    if (r <= 0) { if (!r) errno = 0; die("the server closed a connection"); }
    if (!c) continue;
    char *p = buf, *end = buf + r;
    if (c->head < 4) {  /* Up to the blank line that ends the response's head */
      if (!c->head && (r < 12 || memcmp(buf, "HTTP/1.1 200", 12))) { buf[r < 60 ? r : 60] = 0; give_up(buf); }
      for (; p < end && c->head < 4; p++) c->head = *p == "\r\n\r\n"[c->head] ? c->head + 1 : *p == '\r';
      waiting -= c->head == 4;
    }
    long k = 0;
    for (; (p = memchr(p, '~', end - p)); p++) k++;
    bytes += r;
    if (!k) continue;
    c->events += k;
    all += k;
    if (ndelays == capacity) {
      capacity = capacity * 2 + 4096;
      if (!(delays = realloc(delays, capacity * sizeof *delays))) die("realloc");
    }
    double since = now() - t0 - every * (c->events - k);
    delays[ndelays++] = (struct delay){(uint32_t)((since > 0 ? since : 0) * 1e6), k};
  }
  return all;
}

static void settle(void) {  /* Wait until the server is idle: under 1 ms of CPU in 40 ms */
  double before, until = now() + 30;
  do {
    before = server_cpu();
    for (int i = 0; i < 20; i++) { look(now()); nap(2000); }
  } while (server_cpu() - before > 1e-3 && now() < until);
}

static void look_for_heads(double t0) {
  look(t0);
  if (now() - t0 > PATIENCE) give_up("no response head");
}

static void open_readers(int n, int frozen) {
  char req[512];
  int len = snprintf(req, sizeof req, "GET %s HTTP/1.1\r\nHost: bench\r\nAccept: text/event-stream\r\n"
                     "User-Agent: load\r\n\r\n", path);
  double cpu = server_cpu(), own = clock_s(CLOCK_PROCESS_CPUTIME_ID), t0 = now();
  for (int i = 0; i < n; i++) {
    struct conn *c = &conns[nconns];
    if (nconns == MAXCONN) die("too many connections");
    *c = (struct conn){.fd = dial(port, nconns, frozen ? 2048 : 0)};
    if (write(c->fd, req, len) != len) die("write");
    nconns += !frozen;
    watch(c->fd, c);
    waiting++;
    while (waiting >= (frozen ? 1 : FLIGHT)) look_for_heads(t0);
    if (frozen && epoll_ctl(ep, EPOLL_CTL_DEL, c->fd, NULL)) die("epoll_ctl");
  }
  while (waiting) look_for_heads(t0);
  double wall = now() - t0;
  own = clock_s(CLOCK_PROCESS_CPUTIME_ID) - own;
  settle();
  printf("{\"n\": %d, \"wall\": %.6f, \"server_cpu\": %.6f, \"load_cpu\": %.6f}\n",
         n, wall, server_cpu() - cpu, own);
}

static int by_us(const void *a, const void *b) {
  uint32_t x = ((struct delay *)a)->us, y = ((struct delay *)b)->us;
  return (x > y) - (x < y);
}
static uint32_t percentile(double p, long all) {
  long seen = 0;
  for (long i = 0; i < ndelays; i++) if ((seen += delays[i].n) >= p * all) return delays[i].us;
  return ndelays ? delays[ndelays - 1].us : 0;
}

static void show(double wall, double cpu, double user, double own, long rounds, long all) {
  qsort(delays, ndelays, sizeof *delays, by_us);
  printf("{\"readers\": %d, \"wall\": %.6f, \"server_cpu\": %.6f, \"server_user\": %.6f, \"load_cpu\": %.6f, "
         "\"rounds\": %ld, \"deliveries\": %ld, \"bytes\": %lld, \"p50\": %.6f, \"p99\": %.6f, \"max\": %.6f}\n",
         nconns, wall, cpu, user, own, rounds, all, bytes,
         percentile(.5, all) * 1e-6, percentile(.99, all) * 1e-6, percentile(1, all) * 1e-6);
}

static void idle(double seconds) {
  ndelays = bytes = 0;
  double cpu = server_cpu(), user = server_user(), own = clock_s(CLOCK_PROCESS_CPUTIME_ID), t0 = now();
  while (now() - t0 < seconds) { look(t0); nap(2000); }
  show(now() - t0, server_cpu() - cpu, server_user() - user, clock_s(CLOCK_PROCESS_CPUTIME_ID) - own, 0, 0);
}

static void follow(double start, double seconds, long n) {
  for (int i = 0; i < nconns; i++) conns[i].events = 0;
  ndelays = bytes = 0;
  long all = 0;
  every = seconds;
  double cpu = server_cpu(), user = server_user(), own = clock_s(CLOCK_PROCESS_CPUTIME_ID), t0 = now();
  while (all < n * nconns && now() - start - n * seconds < PATIENCE) {
    long got = look(start);
    if (!got) nap(1000);
    all += got;
  }
  every = 0;
  for (int i = 0; i < nconns; i++) if (conns[i].events != n) give_up("a reader got an event twice or not at all");
  show(now() - t0, server_cpu() - cpu, server_user() - user, clock_s(CLOCK_PROCESS_CPUTIME_ID) - own, n, all);
}

static void run(double seconds, long min, int burst, const char *event) {
  size_t one = strlen(event);
  char *trigger = malloc(one * burst);
  for (int i = 0; i < burst; i++) memcpy(trigger + i * one, event, one);
  for (int i = 0; i < nconns; i++) conns[i].events = 0;
  ndelays = bytes = 0;
  long rounds = 0, all = 0;
  double cpu = server_cpu(), user = server_user(), own = clock_s(CLOCK_PROCESS_CPUTIME_ID), t0 = now();
  for (; rounds < min || now() - t0 < seconds; rounds++) {
    double t = now();
    long got = 0, want = (long)burst * nconns;
    if (write(pub, trigger, one * burst) != (ssize_t)(one * burst)) die("publish");
    while (got < want) {
      got += look(t);
      if (now() - t > PATIENCE) give_up("an event never reached every reader");
    }
    all += got;
  }
  double wall = now() - t0;
  own = clock_s(CLOCK_PROCESS_CPUTIME_ID) - own;
  settle();
  cpu = server_cpu() - cpu;
  user = server_user() - user;
  for (int i = 0; i < nconns; i++) if (conns[i].events != rounds * burst) 
    give_up("a reader got an event twice or not at all");
  show(wall, cpu, user, own, rounds, all);
  free(trigger);
}

int main(int argc, char **argv) {
  if (argc < 7) give_up("PORT PATH PUBLISH_PORT SMALL LARGE PID...");
  port = atoi(argv[1]);
  path = argv[2];
  for (int i = 6; i < argc && npids < 16; i++) pids[npids++] = atoi(argv[i]);
  prctl(PR_SET_TIMERSLACK, 1000);
  if ((ep = epoll_create1(0)) < 0) die("epoll_create1");
  watch(pub = dial(atoi(argv[3]), 0, 0), NULL);
  char line[128], kind;
  double seconds, period;
  long min;
  int n;
  while (fgets(line, sizeof line, stdin)) {
    if (sscanf(line, "connect %d", &n) == 1) open_readers(n, 0);
    else if (sscanf(line, "freeze %d", &n) == 1) open_readers(n, 1);
    else if (sscanf(line, "run %lf %ld %d %c", &seconds, &min, &n, &kind) == 4)
      run(seconds, min, n, argv[kind == 'l' ? 5 : 4]);
    else if (sscanf(line, "idle %lf", &seconds) == 1) idle(seconds);
    else if (sscanf(line, "follow %lf %lf %ld", &seconds, &period, &min) == 3) follow(seconds, period, min);
    else give_up(line);
    fflush(stdout);
  }
}
