/* A WebSocket echo server in C: sockets and poll() are POSIX, the protocol is libpicows.a.
 *     echo_server [PORT]       on 127.0.0.1; port 0 takes a free one. SIGTERM ends it.
 * Frames are answered as they came, so fragments go back as fragments. While an answer waits for a peer
 * that does not read, nothing more is read from it: that bounds what it can make us keep. On the open
 * internet a server needs a clock too, for peers that stay silent. */
#define _POSIX_C_SOURCE 200809L
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "picows.h"

enum { CONNECTIONS_MAX = 1000, READ_SIZE = 64 * 1024, PAYLOAD_SIZE_MAX = 16 * 1024 * 1024 };

struct buffer {
    uint8_t *bytes;
    size_t start, end, room; /* in use: from start to end */
};

struct connection {
    int fd;
    enum { OPENING, OPEN, CLOSING, CLOSED } state; /* CLOSED: waiting for the peer's end */
    picows_head_reader reader;
    picows_session session;
    struct buffer in, out;
};

static volatile sig_atomic_t stopped;
static void stop(int signal) { stopped = signal; }

/* Room for `size` bytes behind the last one; gives back where. */
static uint8_t *reserve(struct buffer *b, size_t size) {
    b->end -= b->start;
    if (b->start > 0) memmove(b->bytes, b->bytes + b->start, b->end);
    b->start = 0;
    if (b->room - b->end < size) {
        b->room = 2 * b->room + size;
        b->bytes = realloc(b->bytes, b->room);
        if (b->bytes == NULL) abort();
    }
    return b->bytes + b->end;
}

/* The opening handshake. True if frames may follow. */
static int open_connection(struct connection *c) {
    static picows_head head;
    picows_request request;
    picows_session_options options = {
        .size = sizeof options, .payload_size_max = PAYLOAD_SIZE_MAX, .message_size_max = UINT64_MAX,
        .message_frame_count_max = UINT32_MAX, .role = PICOWS_ROLE_SERVER, .mode = PICOWS_MODE_MESSAGES};
    picows_failure failure;
    size_t written = 0;
    picows_result result = picows_head_read(&c->reader, c->in.bytes, c->in.end, &head);
    if (result == PICOWS_NEED_MORE) return 0;
    failure = head.failure;
    if (result == PICOWS_OK) {
        result = picows_request_check(&head, &request);
        failure = request.failure;
    }
    if (result == PICOWS_OK) {
        picows_response_write(request.accept, NULL, 0, reserve(&c->out, 256), 256, &written);
        picows_session_init(&c->session, &options);
        c->in.start += head.size;
        c->state = OPEN;
    } else {
        fprintf(stderr, "refused: %s\n", picows_failure_message(failure));
        picows_refusal_write(failure, reserve(&c->out, 256), 256, &written);
        c->state = CLOSING;
    }
    c->out.end += written;
    return c->state == OPEN;
}

/* Data goes back as it came; what else is to be said the session knows. */
static void answer(struct connection *c, const picows_event *event) {
    size_t written, room = picows_frame_size(event->payload_size, 0) + PICOWS_CONTROL_FRAME_SIZE_MAX;
    uint8_t *out = reserve(&c->out, room);
    if (event->kind == PICOWS_EVENT_DATA)
        picows_session_send(&c->session, event->opcode, event->flags, event->payload, event->payload_size, NULL,
                            out, room, &written);
    else
        picows_session_answer(&c->session, event, NULL, out, room, &written);
    c->out.end += written;
}

static void receive(struct connection *c) {
    picows_event event;
    if (c->state == OPENING && !open_connection(c)) return;
    while (c->state == OPEN) {
        uint8_t *bytes = c->in.bytes + c->in.start;
        picows_result result = picows_session_receive(&c->session, bytes, c->in.end - c->in.start, &event);
        if (result == PICOWS_NEED_MORE) return;
        if (result == PICOWS_ENDED) c->state = CLOSING;
        answer(c, &event);
        c->in.start += event.size;
    }
}

/* False when the connection is over. */
static int serve(struct connection *c, short events) {
    if (events & (POLLIN | POLLHUP | POLLERR)) {
        uint8_t *room = reserve(&c->in, READ_SIZE);
        ssize_t size = recv(c->fd, room, READ_SIZE, 0);
        if (size == 0 || (size < 0 && errno != EAGAIN && errno != EINTR)) return 0;
        if (size > 0) c->in.end += (size_t)size;
        if (c->state >= CLOSING) c->in.end = c->in.start; /* nothing is looked at after a CLOSE */
        receive(c);
    }
    while (c->out.start < c->out.end) {
        ssize_t size = send(c->fd, c->out.bytes + c->out.start, c->out.end - c->out.start, MSG_NOSIGNAL);
        if (size < 0) return errno == EAGAIN || errno == EINTR;
        c->out.start += (size_t)size;
    }
    if (c->state == CLOSING) {
        shutdown(c->fd, SHUT_WR); /* close() would throw away what the peer has not read yet */
        c->state = CLOSED;
    }
    return 1;
}

static void drop(struct connection *c) {
    close(c->fd);
    free(c->in.bytes);
    free(c->out.bytes);
    free(c);
}

static int listen_on(uint16_t port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    socklen_t size = sizeof address;
    int on = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&address, size) < 0 || listen(fd, 128) < 0) {
        perror("echo_server");
        exit(1);
    }
    getsockname(fd, (struct sockaddr *)&address, &size);
    printf("picows %s listens on port %d\n", picows_version(), ntohs(address.sin_port));
    fflush(stdout);
    return fd;
}

int main(int argc, char **argv) {
    static struct connection *connections[CONNECTIONS_MAX];
    static struct pollfd polled[CONNECTIONS_MAX + 1]; /* the last one listens */
    struct sigaction action = {.sa_handler = stop};
    int count = 0, on = 1, listener = listen_on((uint16_t)(argc > 1 ? atoi(argv[1]) : 9001));
    sigaction(SIGTERM, &action, NULL);
    while (!stopped) {
        for (int i = 0; i < count; i++) {
            polled[i].fd = connections[i]->fd;
            polled[i].events = connections[i]->out.start < connections[i]->out.end ? POLLOUT : POLLIN;
        }
        polled[count].fd = listener;
        polled[count].events = count < CONNECTIONS_MAX ? POLLIN : 0;
        if (poll(polled, (nfds_t)count + 1, -1) < 0) continue;
        int fd = polled[count].revents & POLLIN ? accept(listener, NULL, NULL) : -1;
        for (int i = count - 1; i >= 0; i--) {
            struct connection *c = connections[i];
            if (polled[i].revents == 0 || serve(c, polled[i].revents)) continue;
            drop(c);
            connections[i] = connections[--count];
        }
        if (fd >= 0) {
            struct connection *c = connections[count++] = calloc(1, sizeof *c);
            if (c == NULL) abort();
            c->fd = fd;
            fcntl(fd, F_SETFL, O_NONBLOCK);
            setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        }
    }
    while (count > 0) drop(connections[--count]);
    close(listener);
    return 0;
}
