/* Sec-WebSocket-Accept (RFC 6455 4.2.2): base64 of SHA-1 (FIPS 180-4) of 60 bytes, which are 2 blocks. */

#ifndef LIMIT_SHA1_H
#define LIMIT_SHA1_H

#include <stdint.h>
#include <string.h>

static uint32_t rotate_left(uint32_t word, int by) { return word << by | word >> (32 - by); }

static void sha1_block(uint32_t state[5], const uint8_t *bytes) {
    uint32_t w[80], a = state[0], b = state[1], c = state[2], d = state[3], e = state[4];
    for (int i = 0; i < 16; i++)
        w[i] = (uint32_t)bytes[4 * i] << 24 | (uint32_t)bytes[4 * i + 1] << 16 |
               (uint32_t)bytes[4 * i + 2] << 8 | bytes[4 * i + 3];
    for (int i = 16; i < 80; i++) w[i] = rotate_left(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
    for (int i = 0; i < 80; i++) {
        uint32_t mix = i < 20   ? ((b & c) | (~b & d)) + 0x5a827999
                       : i < 40 ? (b ^ c ^ d) + 0x6ed9eba1
                       : i < 60 ? ((b & c) | (b & d) | (c & d)) + 0x8f1bbcdc
                                : (b ^ c ^ d) + 0xca62c1d6;
        uint32_t next = rotate_left(a, 5) + mix + e + w[i];
        e = d, d = c, c = rotate_left(b, 30), b = a, a = next;
    }
    state[0] += a, state[1] += b, state[2] += c, state[3] += d, state[4] += e;
}

/* `key` is the 24 characters of Sec-WebSocket-Key, `accept` gets 28 and a zero. */
static void accept_key(const char *key, char accept[29]) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint32_t state[5] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
    uint8_t bytes[128] = {0}, digest[21] = {0};
    memcpy(bytes, key, 24);
    memcpy(bytes + 24, "258EAFA5-E914-47DA-95CA-C5AB0DC85B11", 36);
    bytes[60] = 0x80;
    bytes[126] = (60 * 8) >> 8, bytes[127] = (60 * 8) & 0xff;
    sha1_block(state, bytes);
    sha1_block(state, bytes + 64);
    for (int i = 0; i < 20; i++) digest[i] = (uint8_t)(state[i / 4] >> (24 - 8 * (i % 4)));
    for (int i = 0; i < 7; i++) {
        uint32_t group = (uint32_t)digest[3 * i] << 16 | (uint32_t)digest[3 * i + 1] << 8 | digest[3 * i + 2];
        for (int j = 0; j < 4; j++) accept[4 * i + j] = digits[group >> (18 - 6 * j) & 63];
    }
    accept[27] = '=';
    accept[28] = 0;
}

#endif
