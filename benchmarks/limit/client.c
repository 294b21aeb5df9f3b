/* A WebSocket client in C: client work=NAME port=N [connections=N] [size=N] [path=/PATH].

     echo       sends a message on each connection whenever the answer to the last one came
     pipeline   sends `burst` messages with one call whenever all answers to the last ones came
     sink       asks once for what the path promises, and counts frames
     burst      asks again after each `burst` frames
     flood      sends frames as fast as they are taken
     handshake  opens a connection, closes it, opens the next, `connections` at a time
     members    receives broadcasts, and answers on one connection when all have got theirs
     slow       asks once, and takes `bytes` bytes through a small window with pauses
     idle       nothing; a line `open N` opens N connections more

   Says `ready` when the connections are there, then waits for a line `go SECONDS COUNT` and prints a
   result when the time is over or so many frames were counted (0: no such limit). With timed=1 each
   echo is timed. The end of stdin ends the program. */

#include "ws.h"

#include <math.h>

enum { ECHO, PIPELINE, SINK, BURST, FLOOD, HANDSHAKE, MEMBERS, SLOW, IDLE };
static const char *works[] = {"echo", "pipeline", "sink", "burst", "flood",
                              "handshake", "members", "slow", "idle"};
enum { SLOW_READ = 16 * 1024, SLOW_WINDOW = 64 * 1024, SLOW_PAUSE_EACH = 1 << 20, SLOW_PAUSE_US = 200 };

static struct sockaddr_in address = {.sin_family = AF_INET};
static char request[512];
static int work, timed, running;
static size_t request_size, size, burst, upgraded, count, count_max, sample_count, sample_room;
static float *samples; /* seconds */
static uint8_t *frame, *block;
static size_t block_size;
static uint32_t key_state = 0x9e3779b9;

/* Each message is copied and masked anew with a key of its own, as a client has to. */
static void send_message(Conn *conn, const char *payload, size_t payload_size) {
    size_t header = header_size(payload_size, 1);
    key_state ^= key_state << 13, key_state ^= key_state >> 17, key_state ^= key_state << 5;
    memcpy(frame + header, payload, payload_size);
    conn_send(conn, frame, frame_around(frame, OPCODE_BINARY, payload_size, (uint8_t *)&key_state));
}

static char *message;

static void echo_again(Conn *conn) {
    if (timed) {
        double time = now();
        if (conn->since > 0) {
            if (sample_count == sample_room)
                samples = allocate(samples, (sample_room = sample_room * 2 + 65536) * sizeof *samples);
            samples[sample_count++] = (float)(time - conn->since);
        }
        conn->since = time;
    }
    send_message(conn, message, size);
}

static void pump(Conn *conn) {
    size_t room = block_size - conn->block_at;
    if (room > conn->left) room = conn->left;
    ssize_t sent = conn_try_send(conn, block + conn->block_at, room);
    if (sent > 0) conn->left -= (size_t)sent, conn->block_at = (conn->block_at + (size_t)sent) % block_size;
    conn_want_write(conn, conn->left > 0);
}

static Conn *open_connection(void) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), window = SLOW_WINDOW;
    if (fd < 0) fail("socket");
    if (work == SLOW) setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &window, sizeof window);
    /* Blocking: on the loopback device this takes no longer than the system call. */
    if (connect(fd, (struct sockaddr *)&address, sizeof address)) fail("connect");
    Conn *conn = conn_new(fd);
    if (send(fd, request, request_size, MSG_NOSIGNAL) != (ssize_t)request_size) fail("send");
    watch(conn, EPOLL_CTL_ADD);
    return conn;
}

static void on_head(Conn *conn, char *head) {
    (void)conn;
    if (strncmp(head, "HTTP/1.1 101", 12)) {
        fprintf(stderr, "no upgrade: %s\n", head);
        exit(1);
    }
    upgraded++;
    if (work == HANDSHAKE) count++;
}

static Conn *first;

static void on_frame(Conn *conn, int opcode, uint8_t *payload, size_t payload_size) {
    (void)opcode, (void)payload, (void)payload_size;
    count++;
    if (!running && work != MEMBERS) return;
    if (work == ECHO) {
        if (!count_max || count < count_max) echo_again(conn);
    } else if (work == PIPELINE) {
        if (count % burst == 0 && (!count_max || count < count_max)) conn_send(conn, block, block_size);
    } else if (work == BURST) {
        if (count % burst == 0) send_message(conn, "", 0);
    } else if (work == MEMBERS) {
        if (count % upgraded == 0) send_message(first, "", 0);
    }
}

static void turn(int timeout_ms) {
    struct epoll_event events[256];
    int ready = epoll_wait(epoll, events, 256, timeout_ms);
    for (int i = 0; i < ready; i++) {
        Conn *conn = events[i].data.ptr;
        if (events[i].events & EPOLLOUT) {
            if (work == FLOOD) pump(conn);
            else if (conn_flush(conn)) conn_want_write(conn, 0);
        }
        if (!(events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))) continue;
        if (!conn_read(conn)) {
            fprintf(stderr, "the server has closed the connection\n");
            exit(1);
        }
        if (work == HANDSHAKE && conn->upgraded) {
            conn_close(conn);
            if (running) open_connection();
        }
    }
}

static Conn *open_connections(size_t wanted) {
    Conn *conn = NULL;
    size_t target = upgraded + wanted;
    for (size_t opened = 0; upgraded < target;) {
        /* Few at a time, so that no backlog overflows. */
        for (; opened < wanted && opened < wanted - (target - upgraded) + 64; opened++)
            conn = open_connection();
        turn(-1);
    }
    return conn;
}

static int ascending(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static double percentile_us(double share) {
    size_t at = (size_t)ceil(share * (double)sample_count);
    return 1e6 * samples[at ? at - 1 : 0];
}

static void report(double start, double cpu_start) {
    double seconds = now() - start;
    printf("{\"count\": %zu, \"seconds\": %.9f, \"cpu\": %.9f", count, seconds, cpu() - cpu_start);
    if (sample_count) {
        qsort(samples, sample_count, sizeof *samples, ascending);
        printf(", \"p50_us\": %.3f, \"p99_us\": %.3f, \"p999_us\": %.3f", percentile_us(0.5),
               percentile_us(0.99), percentile_us(0.999));
    }
    printf("}\n");
}

/* Reads by hand: a pause now and then, and never much at once. */
static void take_slowly(Conn *conn, size_t bytes) {
    for (size_t taken = 0, pause = SLOW_PAUSE_EACH; taken < bytes;) {
        ssize_t got = recv(conn->fd, shared, SLOW_READ, 0);
        if (got <= 0) fail("recv");
        taken += (size_t)got;
        if (taken < pause) continue;
        pause += SLOW_PAUSE_EACH;
        usleep(SLOW_PAUSE_US);
    }
    count = bytes >> 20;
}

static void run(Conn **conns, size_t connections, double seconds, size_t bytes) {
    size_t frames;
    char start_message[24];
    double start = now(), cpu_start = cpu(), end = seconds > 0 ? start + seconds : INFINITY;
    count = sample_count = 0;
    running = 1;
    snprintf(start_message, sizeof start_message, "%zu", count_max);
    if (work == FLOOD) {
        block = frame_block(size, 1, 65536, &frames);
        block_size = frames * (header_size(size, 1) + size);
    }
    if (work == PIPELINE) {
        block_size = burst * (header_size(size, 1) + size);
        block = frame_block(size, 1, block_size, &frames);
    }
    for (size_t i = 0; i < connections; i++) {
        if (work == HANDSHAKE) {
            open_connection();
        } else if (work == FLOOD) {
            conns[i]->left = count_max ? count_max * (block_size / frames) : SIZE_MAX;
            pump(conns[i]);
        } else if (work == PIPELINE) {
            conn_send(conns[i], block, block_size);
        } else if (work == ECHO) {
            conns[i]->since = 0;
            echo_again(conns[i]);
        } else {
            send_message(conns[i], start_message, strlen(start_message));
        }
    }
    if (work == SLOW) take_slowly(conns[0], bytes);
    while (work != SLOW && now() < end) {
        if (work == FLOOD && count_max && !conns[0]->left) break;
        if (work != FLOOD && count_max && count >= count_max) break;
        turn(10);
    }
    running = 0;
    report(start, cpu_start);
}

static void members_until_end(void) {
    Conn input = {.fd = 0};
    watch(&input, EPOLL_CTL_ADD);
    for (;;) {
        struct epoll_event events[256];
        int ready = epoll_wait(epoll, events, 256, -1);
        for (int i = 0; i < ready; i++) {
            if (events[i].data.ptr == &input || !conn_read(events[i].data.ptr)) exit(0);
        }
    }
}

int main(int argc, char **argv) {
    (void)argc;
    prepare();
    address.sin_port = htons((uint16_t)number(argv, "port", "0"));
    inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
    size_t connections = number(argv, "connections", "1");
    size = number(argv, "size", "256");
    burst = number(argv, "burst", "1");
    timed = number(argv, "timed", "0") != 0;
    const char *name = option(argv, "work", "echo");
    for (work = 0; strcmp(works[work], name); work++)
        if (work == IDLE) exit(2);
    request_size = (size_t)snprintf(
        request, sizeof request,
        "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
        option(argv, "path", "/"), ntohs(address.sin_port));
    message = memset(allocate(NULL, size + 1), 'x', size + 1);
    frame = allocate(NULL, HEADER_SIZE_MAX + size + sizeof "18446744073709551615");

    Conn **conns = allocate(NULL, (connections + 1) * sizeof *conns);
    int waits = work != HANDSHAKE && work != IDLE;
    for (size_t i = 0; waits && i < connections; i++) conns[i] = open_connections(1);
    first = conns[0];
    puts("ready");
    if (work == MEMBERS) members_until_end();

    char line[256];
    while (fgets(line, sizeof line, stdin)) {
        double seconds;
        size_t more;
        if (sscanf(line, "open %zu", &more) == 1) {
            open_connections(more);
            puts("{}");
        } else if (sscanf(line, "go %lf %zu", &seconds, &count_max) == 2) {
            run(conns, connections, seconds, number(argv, "bytes", "0"));
        }
    }
    return 0;
}
