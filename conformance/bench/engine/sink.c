/* An agent that costs next to nothing: answers each media message with one of speech,
 * and marks every fiftieth. Measures from outside how evenly the frames arrive.
 * sink PORT PAYLOADS: base64 of one frame a line, answered in turn.
 * GET /stats gives what was measured as JSON, and begins anew. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BUFFER 16384
#define BUCKETS 20000 /* gaps in 0.1 ms */

typedef struct {
  int open;
  size_t size;
  char sid[40];
  unsigned long media;
  double last;
  char data[BUFFER];
} Peer;

static Peer *peers[65536];
static char *payloads[4096];
static int payload_count;
static long gaps[BUCKETS];
static long media_count, opened;

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec * 1e-9;
}

static uint32_t turn(uint32_t x, int by) { return x << by | x >> (32 - by); }

static void sha1(const char *text, size_t size, unsigned char out[20]) {
  uint32_t h[5] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
  unsigned char block[128] = {0};
  memcpy(block, text, size);
  block[size] = 0x80;
  size_t whole = size + 9 <= 64 ? 64 : 128;
  block[whole - 2] = (size * 8) >> 8;
  block[whole - 1] = size * 8;
  for (size_t at = 0; at < whole; at += 64) {
    uint32_t w[80], a = h[0], b = h[1], c = h[2], d = h[3], e = h[4];
    for (int i = 0; i < 16; i++) {
      unsigned char *p = block + at + 4 * i;
      w[i] = (uint32_t)p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3];
    }
    for (int i = 16; i < 80; i++)
      w[i] = turn(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
    for (int i = 0; i < 80; i++) {
      uint32_t f, k;
      if (i < 20) f = (b & c) | (~b & d), k = 0x5a827999;
      else if (i < 40) f = b ^ c ^ d, k = 0x6ed9eba1;
      else if (i < 60) f = (b & c) | (b & d) | (c & d), k = 0x8f1bbcdc;
      else f = b ^ c ^ d, k = 0xca62c1d6;
      uint32_t next = turn(a, 5) + f + e + k + w[i];
      e = d, d = c, c = turn(b, 30), b = a, a = next;
    }
    h[0] += a, h[1] += b, h[2] += c, h[3] += d, h[4] += e;
  }
  for (int i = 0; i < 20; i++) out[i] = h[i / 4] >> (24 - 8 * (i % 4));
}

static void base64(const unsigned char *in, char *out) { /* of 20 bytes */
  static const char set[] =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (int i = 0; i < 21; i += 3) {
    uint32_t v = in[i] << 16 | in[i + 1] << 8 | (i + 2 < 20 ? in[i + 2] : 0);
    for (int k = 0; k < 4; k++) *out++ = set[v >> (18 - 6 * k) & 63];
  }
  out[-1] = '=';
  *out = 0;
}

static void drop(int fd) {
  close(fd);
  if (peers[fd]) free(peers[fd]), peers[fd] = NULL;
}

static void say(int fd, const char *text, size_t size) {
  char frame[1024];
  size_t head = 2;
  frame[0] = (char)0x81;
  if (size < 126) frame[1] = size;
  else frame[1] = 126, frame[2] = size >> 8, frame[3] = size, head = 4;
  memcpy(frame + head, text, size);
  if (send(fd, frame, head + size, MSG_NOSIGNAL) < 0) { /* it does not read: lost */
  }
}

static void stats(int fd) {
  long seen = 0, total = 0, marks[3] = {0};
  double shares[3] = {0.5, 0.99, 1.0};
  struct rusage used;
  for (int i = 0; i < BUCKETS; i++) total += gaps[i];
  for (int i = 0, k = 0; i < BUCKETS && k < 3; i++) {
    seen += gaps[i];
    while (k < 3 && total && seen >= shares[k] * total) marks[k++] = i;
  }
  getrusage(RUSAGE_SELF, &used);
  char body[400], answer[600];
  snprintf(body, sizeof body,
           "{\"media\":%ld,\"opened\":%ld,\"gap_p50\":%.1f,\"gap_p99\":%.1f,"
           "\"gap_max\":%.1f,\"cpu\":%.3f}",
           media_count, opened, marks[0] / 10.0, marks[1] / 10.0, marks[2] / 10.0,
           used.ru_utime.tv_sec + used.ru_stime.tv_sec +
               (used.ru_utime.tv_usec + used.ru_stime.tv_usec) * 1e-6);
  int size = snprintf(answer, sizeof answer,
                      "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                      "Content-Length: %zu\r\nConnection: close\r\n\r\n%s",
                      strlen(body), body);
  if (send(fd, answer, size, MSG_NOSIGNAL) < 0) {
  }
  memset(gaps, 0, sizeof gaps);
  media_count = 0;
}

static int shake(int fd, Peer *peer) { /* 0: more to come, 1: done, -1: drop it */
  char *end = memmem(peer->data, peer->size, "\r\n\r\n", 4);
  if (!end) return peer->size == BUFFER ? -1 : 0;
  *end = 0;
  if (!strncmp(peer->data, "GET /stats", 10)) return stats(fd), -1;
  char *key = strcasestr(peer->data, "sec-websocket-key:");
  if (!key) return -1;
  key += 18;
  while (*key == ' ') key++;
  char text[80], accept[32];
  unsigned char digest[24] = {0};
  snprintf(text, sizeof text, "%.24s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", key);
  sha1(text, strlen(text), digest);
  base64(digest, accept);
  char answer[256];
  int size = snprintf(answer, sizeof answer,
                      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                      "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
                      accept);
  if (send(fd, answer, size, MSG_NOSIGNAL) < 0) return -1;
  peer->open = 1;
  opened++;
  size_t used = end + 4 - peer->data;
  memmove(peer->data, peer->data + used, peer->size -= used);
  return 1;
}

static void hear(int fd, Peer *peer, char *text, size_t size) {
  char answer[800];
  if (memmem(text, size < 24 ? size : 24, "\"media\"", 7)) {
    double at = now();
    if (peer->media > 10) { /* what was gathered meanwhile comes in one burst */
      long gap = (at - peer->last) * 10000;
      gaps[gap < BUCKETS ? gap : BUCKETS - 1]++;
    }
    peer->last = at;
    media_count++;
    int length = snprintf(
        answer, sizeof answer,
        "{\"event\":\"media\",\"streamSid\":\"%s\",\"media\":{\"payload\":\"%s\"}}",
        peer->sid, payloads[peer->media++ % payload_count]);
    say(fd, answer, length);
    if (peer->media % 50 == 0) {
      length = snprintf(
          answer, sizeof answer,
          "{\"event\":\"mark\",\"streamSid\":\"%s\",\"mark\":{\"name\":\"m%lu\"}}",
          peer->sid, peer->media);
      say(fd, answer, length);
    }
  } else if (memmem(text, size < 24 ? size : 24, "\"start\"", 7)) {
    char *sid = memmem(text, size, "\"streamSid\":\"", 13);
    if (sid) snprintf(peer->sid, sizeof peer->sid, "%.34s", sid + 13);
  }
}

static int frames(int fd, Peer *peer) {
  size_t at = 0;
  while (peer->size - at >= 6) {
    unsigned char *p = (unsigned char *)peer->data + at;
    size_t size = p[1] & 127, head = 6;
    if (size == 126) {
      if (peer->size - at < 8) break;
      size = p[2] << 8 | p[3], head = 8;
    } else if (size == 127) return -1;
    if (head + size > BUFFER) return -1;
    if (peer->size - at < head + size) break;
    unsigned char *mask = p + head - 4, *text = p + head;
    for (size_t i = 0; i < size; i++) text[i] ^= mask[i & 3];
    int kind = p[0] & 15;
    if (kind == 8) {
      char close_frame[4] = {(char)0x88, 2, 3, (char)0xe8};
      if (send(fd, close_frame, 4, MSG_NOSIGNAL) < 0) {
      }
      return -1;
    }
    if (kind == 1) hear(fd, peer, (char *)text, size);
    at += head + size;
  }
  if (at) memmove(peer->data, peer->data + at, peer->size -= at);
  return 0;
}

static void serve(int fd) {
  Peer *peer = peers[fd];
  for (;;) {
    ssize_t got = recv(fd, peer->data + peer->size, BUFFER - peer->size, 0);
    if (got == 0 || (got < 0 && errno != EAGAIN)) return drop(fd);
    if (got < 0) return;
    peer->size += got;
    if (!peer->open) {
      int done = shake(fd, peer);
      if (done < 0) return drop(fd);
      if (!done) continue;
    }
    if (frames(fd, peer) < 0) return drop(fd);
    if (peer->size < BUFFER) return; /* level triggered: more is told again */
  }
}

int main(int count, char **words) {
  if (count < 3) return 2;
  FILE *file = fopen(words[2], "r");
  char line[512];
  while (file && payload_count < 4096 && fgets(line, sizeof line, file)) {
    line[strcspn(line, "\n")] = 0;
    payloads[payload_count++] = strdup(line);
  }
  if (!payload_count) return 2;
  signal(SIGPIPE, SIG_IGN);
  int one = 1, ear = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  setsockopt(ear, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons(atoi(words[1]))};
  here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (bind(ear, (void *)&here, sizeof here) || listen(ear, 4096)) return 1;
  socklen_t size = sizeof here;
  getsockname(ear, (void *)&here, &size);
  printf("%d\n", ntohs(here.sin_port));
  fflush(stdout);
  int poll = epoll_create1(0);
  struct epoll_event event = {.events = EPOLLIN, .data.fd = ear}, events[512];
  epoll_ctl(poll, EPOLL_CTL_ADD, ear, &event);
  for (;;) {
    int ready = epoll_wait(poll, events, 512, -1);
    for (int i = 0; i < ready; i++) {
      int fd = events[i].data.fd;
      if (fd != ear) {
        serve(fd);
        continue;
      }
      while ((fd = accept4(ear, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        if (fd >= 65536) {
          close(fd);
          continue;
        }
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        peers[fd] = calloc(1, sizeof(Peer));
        event.data.fd = fd;
        epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event);
      }
    }
  }
}
