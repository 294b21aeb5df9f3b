/* What client.c and server.c share: clocks, frames (RFC 6455 5.2), connections that never block.

   These programs are the limit that the libraries are compared with, and the other end of all that
   are measured, so that it is the same for each. They do what every endpoint must: one receive, the
   frames taken apart and unmasked, one send. They check nothing else: both ends are ours. Linux only. */

#ifndef LIMIT_WS_H
#define LIMIT_WS_H

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
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

enum { OPCODE_BINARY = 0x2, OPCODE_CLOSE = 0x8 };
enum { FIN = 0x80, MASKED = 0x80, HEADER_SIZE_MAX = 14, READ_SIZE = 256 * 1024 };

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static double clock_seconds(clockid_t id) {
    struct timespec now;
    clock_gettime(id, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static double now(void) { return clock_seconds(CLOCK_MONOTONIC); }
static double cpu(void) { return clock_seconds(CLOCK_PROCESS_CPUTIME_ID); }

/* The value behind NAME= among the arguments. */
static const char *option(char **argv, const char *name, const char *otherwise) {
    size_t size = strlen(name);
    for (; *argv; argv++)
        if (!strncmp(*argv, name, size) && (*argv)[size] == '=') return *argv + size + 1;
    return otherwise;
}

static size_t number(char **argv, const char *name, const char *otherwise) {
    return strtoull(option(argv, name, otherwise), NULL, 10);
}

static void *allocate(void *old, size_t size) {
    void *memory = realloc(old, size);
    if (!memory) fail("realloc");
    return memory;
}

/* ---- frames */

static void mask(uint8_t *bytes, size_t size, const uint8_t key[4]) {
    uint64_t wide, word;
    memcpy(&wide, key, 4);
    memcpy((uint8_t *)&wide + 4, key, 4);
    size_t i = 0;
    for (; i + 8 <= size; i += 8) {
        memcpy(&word, bytes + i, 8);
        word ^= wide;
        memcpy(bytes + i, &word, 8);
    }
    for (; i < size; i++) bytes[i] ^= key[i & 3];
}

static size_t header_size(size_t payload_size, int masked) {
    return (payload_size < 126 ? 2 : payload_size < 65536 ? 4 : 10) + (masked ? 4 : 0);
}

/* Writes a header without its key. */
static void header_write(uint8_t *out, int opcode, size_t payload_size, int masked) {
    int size = 0, form = masked ? MASKED : 0;
    out[0] = (uint8_t)(FIN | opcode);
    if (payload_size < 126) out[1] = (uint8_t)(form | (int)payload_size);
    else if (payload_size < 65536) out[1] = (uint8_t)(form | 126), size = 2;
    else out[1] = (uint8_t)(form | 127), size = 8;
    for (int i = 0; i < size; i++) out[2 + i] = (uint8_t)(payload_size >> (8 * (size - 1 - i)));
}

/* A whole frame around a payload that stands header_size() bytes behind `out`; masks it there. */
static size_t frame_around(uint8_t *out, int opcode, size_t payload_size, const uint8_t *key) {
    size_t header = header_size(payload_size, key != NULL);
    header_write(out, opcode, payload_size, key != NULL);
    if (key) {
        memcpy(out + header - 4, key, 4);
        mask(out + header, payload_size, key);
    }
    return header + payload_size;
}

/* As many equal frames as fit into `room` bytes, one at least. */
static uint8_t *frame_block(size_t payload_size, int masked, size_t room, size_t *frames) {
    static const uint8_t key[4] = {0x37, 0xfa, 0x21, 0x3d};
    size_t size = header_size(payload_size, masked) + payload_size;
    *frames = room > size ? room / size : 1;
    uint8_t *block = allocate(NULL, *frames * size);
    for (size_t i = 0; i < *frames; i++) {
        memset(block + i * size, 'x', size);
        frame_around(block + i * size, OPCODE_BINARY, payload_size, masked ? key : NULL);
    }
    return block;
}

/* ---- connections */

typedef struct Conn {
    int fd, upgraded, writing;
    uint8_t *held;  /* a frame that has not come whole yet, or a head */
    size_t held_size, held_room;
    uint8_t *out;   /* what the kernel would not take */
    size_t out_start, out_end, out_room;
    /* what the program does with the connection; `left` and `block_at` are bytes of a flood */
    int work;
    size_t size, burst, left, block_at;
    double since;
} Conn;

static int epoll;
static uint8_t shared[READ_SIZE];
static size_t read_size = READ_SIZE; /* no read takes more, unless a frame is larger */

static void watch(Conn *conn, int operation) {
    struct epoll_event event = {.events = EPOLLIN | (conn->writing ? EPOLLOUT : 0), .data.ptr = conn};
    if (epoll_ctl(epoll, operation, conn->fd, &event)) fail("epoll_ctl");
}

static Conn *conn_new(int fd) {
    int on = 1;
    Conn *conn = calloc(1, sizeof *conn);
    if (!conn) fail("calloc");
    conn->fd = fd;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return conn;
}

/* Closes and frees. With a reset: thousands of connections a second would use up the ports otherwise. */
static void conn_close(Conn *conn) {
    struct linger linger = {.l_onoff = 1, .l_linger = 0};
    setsockopt(conn->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    close(conn->fd);
    free(conn->held);
    free(conn->out);
    free(conn);
}

static void conn_want_write(Conn *conn, int wanted) {
    if (conn->writing == wanted) return;
    conn->writing = wanted;
    watch(conn, EPOLL_CTL_MOD);
}

/* What the kernel takes of it now, -1 if the connection is gone. */
static ssize_t conn_try_send(Conn *conn, const uint8_t *bytes, size_t size) {
    ssize_t sent = send(conn->fd, bytes, size, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && (errno == EAGAIN || errno == EINTR)) return 0;
    return sent;
}

/* Sends, or keeps what the kernel does not take. */
static void conn_send(Conn *conn, const uint8_t *bytes, size_t size) {
    if (!conn->writing) {
        ssize_t sent = conn_try_send(conn, bytes, size);
        if (sent < 0 || (size_t)sent == size) return; /* a lost connection shows when it is read */
        bytes += sent;
        size -= (size_t)sent;
        conn->out_start = conn->out_end = 0;
    }
    if (conn->out_room < conn->out_end + size)
        conn->out = allocate(conn->out, conn->out_room = conn->out_end + size);
    memcpy(conn->out + conn->out_end, bytes, size);
    conn->out_end += size;
    conn_want_write(conn, 1);
}

/* The socket is writable. True when nothing is left. */
static int conn_flush(Conn *conn) {
    if (conn->out_start < conn->out_end) {
        ssize_t sent = conn_try_send(conn, conn->out + conn->out_start, conn->out_end - conn->out_start);
        if (sent > 0) conn->out_start += (size_t)sent;
    }
    return conn->out_start == conn->out_end;
}

/* Programs define these two. A head ends in an empty line; the payload may be changed. */
static void on_head(Conn *conn, char *head);
static void on_frame(Conn *conn, int opcode, uint8_t *payload, size_t size);

/* Handles what is whole among the bytes, says how many that were and how many are wanted in all. */
static size_t conn_consume(Conn *conn, uint8_t *bytes, size_t size, size_t *wanted) {
    size_t done = 0;
    *wanted = 0;
    if (!conn->upgraded) {
        uint8_t *end = memmem(bytes, size, "\r\n\r\n", 4);
        if (!end) return 0;
        end[2] = 0;
        conn->upgraded = 1;
        on_head(conn, (char *)bytes);
        done = (size_t)(end + 4 - bytes);
    }
    while (size - done >= 2) {
        uint8_t *frame = bytes + done;
        int form = frame[1] & 0x7f, masked = frame[1] & MASKED;
        size_t length_size = form < 126 ? 0 : form == 126 ? 2 : 8;
        size_t header = 2 + length_size + (masked ? 4 : 0), payload = length_size ? 0 : (size_t)form;
        if (size - done < header) break;
        for (size_t i = 0; i < length_size; i++) payload = payload << 8 | frame[2 + i];
        if (size - done < header + payload) {
            *wanted = header + payload;
            break;
        }
        if (masked) mask(frame + header, payload, frame + header - 4);
        on_frame(conn, frame[0] & 0xf, frame + header, payload);
        done += header + payload;
    }
    return done;
}

/* The socket is readable: one receive. False when the connection is at its end. */
static int conn_read(Conn *conn) {
    uint8_t *base = shared;
    size_t have = 0, room = read_size, wanted;
    if (conn->held_size) base = conn->held, have = conn->held_size, room = conn->held_room;
    ssize_t got = recv(conn->fd, base + have, room - have, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return 1;
    if (got <= 0) return 0;
    have += (size_t)got;
    size_t done = conn_consume(conn, base, have, &wanted), left = have - done;
    if (left) {
        size_t need = wanted > left + 4096 ? wanted : left + read_size;
        if (base == shared || need > conn->held_room) {
            /* The old memory is still read from when it is `base`. */
            uint8_t *old = conn->held;
            if (need > conn->held_room) conn->held = allocate(NULL, conn->held_room = need);
            memcpy(conn->held, base + done, left);
            if (conn->held != old) free(old);
        } else if (done) {
            memmove(conn->held, base + done, left);
        }
    }
    conn->held_size = left;
    return 1;
}

static void prepare(void) {
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    signal(SIGPIPE, SIG_IGN);
    setvbuf(stdout, NULL, _IOLBF, 0);
    epoll = epoll_create1(0);
}

#endif
