/* The limit: calls in C, with epoll, a wheel of 1 ms slots and frames built before.
 * sender PORT CALLS SECONDS: prints what it cost as one line of JSON. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define SLOTS 20
#define BUCKETS 100000 /* lateness in 10 us */

static long late[BUCKETS];
static char frame[1024];
static size_t frame_size;

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec * 1e-9;
}

static double cpu(void) {
  struct rusage used;
  getrusage(RUSAGE_SELF, &used);
  return used.ru_utime.tv_sec + used.ru_stime.tv_sec +
         (used.ru_utime.tv_usec + used.ru_stime.tv_usec) * 1e-6;
}

static size_t masked(char *out, const char *text) {
  static const unsigned char mask[4] = {0x37, 0xfa, 0x21, 0x3d};
  size_t size = strlen(text), head = size < 126 ? 6 : 8;
  out[0] = (char)0x81;
  if (size < 126) out[1] = 0x80 | size;
  else out[1] = (char)0xfe, out[2] = size >> 8, out[3] = size;
  memcpy(out + head - 4, mask, 4);
  for (size_t i = 0; i < size; i++) out[head + i] = text[i] ^ mask[i & 3];
  return head + size;
}

static int dial(int port, int number) {
  char text[512], masked_start[600];
  int one = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in there = {.sin_family = AF_INET, .sin_port = htons(port)};
  there.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(fd, (void *)&there, sizeof there)) return -1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  const char *hello =
      "GET /media HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
      "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
      "Sec-WebSocket-Version: 13\r\n\r\n";
  if (send(fd, hello, strlen(hello), 0) < 0) return -1;
  size_t got = 0;
  while (got < 4 || memcmp(text + got - 4, "\r\n\r\n", 4)) {
    ssize_t more = recv(fd, text + got, sizeof text - got, 0);
    if (more <= 0) return -1;
    got += more;
  }
  snprintf(text, sizeof text,
           "{\"event\":\"start\",\"sequenceNumber\":\"1\",\"streamSid\":\"MZ%032d\"}",
           number);
  if (send(fd, masked_start, masked(masked_start, text), 0) < 0) return -1;
  fcntl(fd, F_SETFL, O_NONBLOCK);
  return fd;
}

int main(int count, char **words) {
  if (count < 4) return 2;
  int port = atoi(words[1]), calls = atoi(words[2]);
  double seconds = atof(words[3]);
  char text[800], payload[217];
  memset(payload, 'f', 216), payload[216] = 0;
  snprintf(text, sizeof text,
           "{\"event\":\"media\",\"sequenceNumber\":\"1234\",\"media\":{\"track\":"
           "\"inbound\",\"chunk\":\"1233\",\"timestamp\":\"24660\",\"payload\":\"%s\"},"
           "\"streamSid\":\"MZ%032d\"}",
           payload, 7);
  frame_size = masked(frame, text);
  int *fds = calloc(calls, sizeof *fds), poll = epoll_create1(0);
  struct epoll_event event = {.events = EPOLLIN}, events[512];
  for (int i = 0; i < calls; i++) {
    if ((fds[i] = dial(port, i)) < 0) return 1;
    event.data.fd = fds[i];
    epoll_ctl(poll, EPOLL_CTL_ADD, fds[i], &event);
  }
  int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
  struct itimerspec every = {{0, 1000000}, {0, 1000000}};
  event.data.fd = timer;
  epoll_ctl(poll, EPOLL_CTL_ADD, timer, &event);
  timerfd_settime(timer, 0, &every, NULL);
  double since = now(), begin = since + 1.0, until = begin + seconds, used = 0, wall = 0;
  long beats = 0, sent = 0, refused = 0, got = 0;
  static char heap[65536];
  int measuring = 0;
  for (;;) {
    int ready = epoll_wait(poll, events, 512, -1);
    for (int i = 0; i < ready; i++) {
      if (events[i].data.fd != timer) {
        ssize_t size = recv(events[i].data.fd, heap, sizeof heap, 0);
        if (size > 0) got += size;
        continue;
      }
      uint64_t merged;
      if (read(timer, &merged, 8) < 0) continue;
      double at = now();
      if (!measuring && at >= begin) measuring = 1, used = cpu(), wall = at;
      if (at >= until) {
        used = cpu() - used, wall = at - wall;
        long total = 0, seen = 0, p50 = 0, p99 = 0, worst = 0;
        for (int k = 0; k < BUCKETS; k++) total += late[k];
        for (int k = 0; k < BUCKETS; k++) {
          if (!late[k]) continue;
          if (seen < total * 0.5) p50 = k;
          if (seen < total * 0.99) p99 = k;
          seen += late[k], worst = k;
        }
        printf("{\"calls\":%d,\"cpu\":%.6f,\"seconds\":%.3f,\"frames\":%ld,"
               "\"refused\":%ld,\"p50\":%.5f,\"p99\":%.5f,\"max\":%.5f}\n",
               calls, used, wall, sent, refused, p50 * 1e-5, p99 * 1e-5, worst * 1e-5);
        return 0;
      }
      while (since + (beats + 1) * 0.001 <= at) {
        beats++;
        double due = since + beats * 0.001;
        for (int k = beats % SLOTS; k < calls; k += SLOTS) {
          if (send(fds[k], frame, frame_size, MSG_NOSIGNAL) != (ssize_t)frame_size)
            refused++;
          if (!measuring) continue;
          sent++;
          long bucket = (now() - due) * 100000;
          late[bucket < BUCKETS ? bucket : BUCKETS - 1]++;
        }
      }
    }
  }
}
