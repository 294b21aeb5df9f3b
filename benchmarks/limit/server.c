/* A WebSocket server in C: server [port=N]. The path of a connection says what is done with it:

     /echo             answers each frame with the same payload
     /sink             counts frames
     /flood/SIZE       the first frame (a number in ASCII, 0 for no end) asks for that many frames
     /burst/SIZE/K     each frame asks for K frames, written at once
     /stream/SIZE/N    the first frame asks for N frames
     /broadcast/SIZE   gets a frame in each round; a round begins when a frame comes from anybody

   Lines on stdin: `mark` is answered with what was counted so far, `collect`
   with nothing, `broadcast SECONDS COUNT` runs
   rounds for that long. The end of stdin ends the program. */

#include "ws.h"
#include "sha1.h"

enum { ECHO, SINK, FLOOD, BURST, STREAM, BROADCAST };
static const char *works[] = {"/echo", "/sink", "/flood/", "/burst/", "/stream/", "/broadcast/"};

static size_t frames_received;
static uint8_t *block, *message, *burst;
static size_t block_frames, block_size, message_size, burst_size;

/* the broadcast that is under way */
static Conn **members;
static size_t member_count, member_room, rounds, round_limit;
static double broadcast_start, broadcast_cpu, broadcast_end, in_calls;
static int broadcasting;

static void on_head(Conn *conn, char *head) {
    char accept[29], answer[256], *path = strchr(head, ' ') + 1;
    char *key = strcasestr(head, "sec-websocket-key: ");
    if (!key) exit(2);
    accept_key(key + 19, accept);
    int size = snprintf(answer, sizeof answer,
                        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                        "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n", accept);
    for (int work = 0; work < 6; work++) {
        size_t length = strlen(works[work]);
        if (strncmp(path, works[work], length)) continue;
        conn->work = work;
        sscanf(path + length, "%zu/%zu", &conn->size, &conn->burst);
    }
    /* Connections of one run are alike, so what they send is made once. */
    if (conn->work >= FLOOD && !message) {
        size_t one;
        message = frame_block(conn->size, 0, 0, &one);
        message_size = header_size(conn->size, 0) + conn->size;
        block = frame_block(conn->size, 0, 65536, &block_frames);
        block_size = message_size * block_frames;
        if (conn->work == BURST) {
            size_t frames;
            burst_size = message_size * conn->burst;
            burst = frame_block(conn->size, 0, burst_size, &frames);
        }
    }
    if (conn->work == BROADCAST) {
        if (member_count == member_room)
            members = allocate(members, (member_room = member_room * 2 + 64) * sizeof *members);
        members[member_count++] = conn;
    }
    conn_send(conn, (uint8_t *)answer, (size_t)size);
}

/* Writes frames as fast as they are taken, but leaves the loop its turn. */
static void pump(Conn *conn) {
    for (int turn = 0; turn < 16 && conn->left; turn++) {
        size_t room = block_size - conn->block_at;
        if (room > conn->left) room = conn->left;
        ssize_t sent = conn_try_send(conn, block + conn->block_at, room);
        if (sent < 0) conn->left = sent = 0;
        else conn->left -= (size_t)sent;
        conn->block_at = (conn->block_at + (size_t)sent) % block_size;
        if ((size_t)sent < room) break;
    }
    conn_want_write(conn, conn->left > 0);
}

static void broadcast_report(void) {
    broadcasting = 0;
    printf("{\"count\": %zu, \"seconds\": %.9f, \"cpu\": %.9f, \"calls\": %.9f}\n",
           rounds * member_count, now() - broadcast_start, cpu() - broadcast_cpu, in_calls);
}

static void broadcast_round(void) {
    double start = now();
    if (start >= broadcast_end || (round_limit && rounds == round_limit)) {
        broadcast_report();
        return;
    }
    for (size_t i = 0; i < member_count; i++) conn_send(members[i], message, message_size);
    in_calls += now() - start;
    rounds++;
}

static void on_frame(Conn *conn, int opcode, uint8_t *payload, size_t size) {
    if (opcode == OPCODE_CLOSE || conn->work == ECHO) {
        /* The header that was received is longer by its key, so the answer fits in front. */
        uint8_t *out = payload - header_size(size, 0);
        conn_send(conn, out, frame_around(out, opcode, size, NULL));
    }
    if (opcode == OPCODE_CLOSE) return;
    frames_received++;
    switch (conn->work) {
    case FLOOD: {
        char text[24] = "";
        memcpy(text, payload, size < 23 ? size : 23);
        conn->left = strtoull(text, NULL, 10) * message_size;
        if (!conn->left) conn->left = SIZE_MAX;
        pump(conn);
        break;
    }
    case STREAM:
        conn->left = conn->burst * message_size;
        pump(conn);
        break;
    case BURST:
        conn_send(conn, burst, burst_size);
        break;
    case BROADCAST:
        if (broadcasting) broadcast_round();
        break;
    }
}

static void accept_all(int listener) {
    for (;;) {
        int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            if (errno == EAGAIN || errno == ECONNABORTED) return;
            fail("accept");
        }
        watch(conn_new(fd), EPOLL_CTL_ADD);
    }
}

static void on_command(void) {
    char line[256];
    double seconds;
    ssize_t size = read(0, line, sizeof line - 1);
    if (size <= 0) exit(0);
    line[size] = 0;
    if (!strncmp(line, "collect", 7)) {
        puts("{}");
    } else if (!strncmp(line, "mark", 4)) {
        printf("{\"count\": %zu, \"time\": %.9f, \"cpu\": %.9f}\n", frames_received, now(), cpu());
    } else if (sscanf(line, "broadcast %lf %zu", &seconds, &round_limit) == 2) {
        broadcasting = 1;
        rounds = 0;
        in_calls = 0;
        broadcast_start = now();
        broadcast_cpu = cpu();
        broadcast_end = broadcast_start + seconds;
        broadcast_round();
    }
}

static void on_event(struct epoll_event *event) {
    Conn *conn = event->data.ptr;
    int alive = 1;
    if (event->events & EPOLLOUT && conn_flush(conn)) {
        if (conn->left) pump(conn);
        else conn_want_write(conn, 0);
    }
    if (event->events & (EPOLLIN | EPOLLHUP | EPOLLERR)) alive = conn_read(conn);
    if (alive) return;
    for (size_t i = 0; i < member_count; i++)
        if (members[i] == conn) members[i] = members[--member_count];
    conn_close(conn);
}

int main(int argc, char **argv) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    Conn input = {.fd = 0}, listener = {0};
    int on = 1;
    (void)argc;
    prepare();
    address.sin_port = htons((uint16_t)number(argv, "port", "0"));
    listener.fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    setsockopt(listener.fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(listener.fd, (struct sockaddr *)&address, sizeof address)) fail("bind");
    if (listen(listener.fd, 4096)) fail("listen");
    getsockname(listener.fd, (struct sockaddr *)&address, &size);
    watch(&input, EPOLL_CTL_ADD);
    watch(&listener, EPOLL_CTL_ADD);
    printf("ready %d\n", ntohs(address.sin_port));
    for (;;) {
        struct epoll_event events[256];
        int count = epoll_wait(epoll, events, 256, -1);
        for (int i = 0; i < count; i++) {
            if (events[i].data.ptr == &input) on_command();
            else if (events[i].data.ptr == &listener) accept_all(listener.fd);
            else on_event(&events[i]);
        }
    }
}
