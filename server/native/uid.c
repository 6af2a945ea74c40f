/* SHA-256 (FIPS 180-4), HMAC (FIPS 198-1), MD5 (RFC 1321) and the UID mappings made of them (PS3.5 §B.2). */
#include "core.h"

#include <string.h>
#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#endif

static const uint32_t K[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01,
    0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc,
    0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147,
    0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08,
    0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208,
    0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static uint32_t rotr(uint32_t x, int n) { return (x >> n) | (x << (32 - n)); }

static uint32_t be32(const uint8_t *p) { return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3]; }

void ef_sha256_start(ef_sha256 *s)
{
    static const uint32_t H[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    memcpy(s->h, H, sizeof H);
}

static void block_portable(ef_sha256 *s, const uint8_t block[64])
{
    uint32_t w[64], v[8];
    for (int i = 0; i < 16; i++) w[i] = be32(block + 4 * i);
    for (int i = 16; i < 64; i++) {
        uint32_t a = w[i - 15], b = w[i - 2];
        w[i] = w[i - 16] + (rotr(a, 7) ^ rotr(a, 18) ^ (a >> 3)) + w[i - 7] + (rotr(b, 17) ^ rotr(b, 19) ^ (b >> 10));
    }
    memcpy(v, s->h, sizeof v);
    for (int i = 0; i < 64; i++) {
        uint32_t e = v[4], a = v[0];
        uint32_t t1 = v[7] + (rotr(e, 6) ^ rotr(e, 11) ^ rotr(e, 25)) + ((e & v[5]) ^ (~e & v[6])) + K[i] + w[i];
        uint32_t t2 = (rotr(a, 2) ^ rotr(a, 13) ^ rotr(a, 22)) + ((a & v[1]) ^ (a & v[2]) ^ (v[1] & v[2]));
        v[7] = v[6]; v[6] = v[5]; v[5] = v[4]; v[4] = v[3] + t1;
        v[3] = v[2]; v[2] = v[1]; v[1] = v[0]; v[0] = t1 + t2;
    }
    for (int i = 0; i < 8; i++) s->h[i] += v[i];
}

#if defined(__x86_64__)
/* The same with the processor's SHA instructions: about ten times as fast, and UIDs are half the cost of a report. */
__attribute__((target("sha,sse4.1"))) static void block_sha(ef_sha256 *s, const uint8_t block[64])
{
    const __m128i order = _mm_set_epi64x(0x0c0d0e0f08090a0bll, 0x0405060700010203ll);
    __m128i t = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)&s->h[0]), 0xB1);       /* CDAB */
    __m128i u = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)&s->h[4]), 0x1B);       /* EFGH */
    __m128i abef = _mm_alignr_epi8(t, u, 8), cdgh = _mm_blend_epi16(u, t, 0xF0), w[4];
    const __m128i abef0 = abef, cdgh0 = cdgh;
    for (int i = 0; i < 4; i++) w[i] = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(block + 16 * i)), order);
    for (int i = 0; i < 16; i++) {
        __m128i k = _mm_add_epi32(w[i & 3], _mm_loadu_si128((const __m128i *)&K[4 * i]));
        cdgh = _mm_sha256rnds2_epu32(cdgh, abef, k);
        abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(k, 0x0E));
        if (i < 12) {           /* the next four words in the place of the oldest four */
            __m128i next = _mm_sha256msg1_epu32(w[i & 3], w[(i + 1) & 3]);
            next = _mm_add_epi32(next, _mm_alignr_epi8(w[(i + 3) & 3], w[(i + 2) & 3], 4));
            w[i & 3] = _mm_sha256msg2_epu32(next, w[(i + 3) & 3]);
        }
    }
    abef = _mm_add_epi32(abef, abef0);
    cdgh = _mm_add_epi32(cdgh, cdgh0);
    t = _mm_shuffle_epi32(abef, 0x1B);                                                     /* FEBA */
    u = _mm_shuffle_epi32(cdgh, 0xB1);                                                     /* DCHG */
    _mm_storeu_si128((__m128i *)&s->h[0], _mm_blend_epi16(t, u, 0xF0));                    /* DCBA */
    _mm_storeu_si128((__m128i *)&s->h[4], _mm_alignr_epi8(u, t, 8));                       /* HGFE */
}

static int has_sha(void)
{
    unsigned a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_SSE4_1) || !(c & bit_SSSE3)) return 0;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & (1u << 29));
}
#else
static int has_sha(void) { return 0; }
static void block_sha(ef_sha256 *s, const uint8_t block[64]) { block_portable(s, block); }
#endif

void ef_sha256_block(ef_sha256 *s, const uint8_t block[64])
{
    static int fast = -1;       /* every thread finds the same answer */
    int use = __atomic_load_n(&fast, __ATOMIC_RELAXED);
    if (use < 0) {
        use = has_sha();
        __atomic_store_n(&fast, use, __ATOMIC_RELAXED);
    }
    if (use) block_sha(s, block);
    else block_portable(s, block);
}

/* Digest of `n` bytes behind `before` bytes already taken (a multiple of 64). */
static void finish(ef_sha256 s, uint64_t before, const uint8_t *msg, size_t n, uint8_t out[32])
{
    uint8_t block[64];
    uint64_t bits = (before + n) * 8;
    while (n >= 64) { ef_sha256_block(&s, msg); msg += 64; n -= 64; }
    memset(block, 0, sizeof block);
    if (n) memcpy(block, msg, n);
    block[n] = 0x80;
    if (n >= 56) { ef_sha256_block(&s, block); memset(block, 0, sizeof block); }
    for (int i = 0; i < 8; i++) block[63 - i] = (uint8_t)(bits >> (8 * i));
    ef_sha256_block(&s, block);
    for (int i = 0; i < 8; i++, out += 4) {
        out[0] = (uint8_t)(s.h[i] >> 24); out[1] = (uint8_t)(s.h[i] >> 16);
        out[2] = (uint8_t)(s.h[i] >> 8); out[3] = (uint8_t)s.h[i];
    }
}

/* ---- MD5 --------------------------------------------------------------------------------------------------------- */

static const uint32_t SINES[64] = {
    0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a, 0xa8304613, 0xfd469501, 0x698098d8, 0x8b44f7af,
    0xffff5bb1, 0x895cd7be, 0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821, 0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa,
    0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8, 0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed, 0xa9e3e905, 0xfcefa3f8,
    0x676f02d9, 0x8d2a4c8a, 0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70,
    0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665, 0xf4292244, 0x432aff97,
    0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1, 0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1,
    0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391};
static const uint8_t TURNS[4][4] = {{7, 12, 17, 22}, {5, 9, 14, 20}, {4, 11, 16, 23}, {6, 10, 15, 21}};

static uint32_t rotl(uint32_t x, int n) { return (x << n) | (x >> (32 - n)); }

static void md5_block(uint32_t h[4], const uint8_t block[64])
{
    uint32_t w[16], a = h[0], b = h[1], c = h[2], d = h[3];
    for (int i = 0; i < 16; i++)
        w[i] = (uint32_t)block[4 * i + 3] << 24 | (uint32_t)block[4 * i + 2] << 16 | (uint32_t)block[4 * i + 1] << 8 | block[4 * i];
    for (int i = 0; i < 64; i++) {
        uint32_t f;
        int g;
        switch (i / 16) {
        case 0: f = (b & c) | (~b & d); g = i; break;
        case 1: f = (b & d) | (c & ~d); g = (5 * i + 1) % 16; break;
        case 2: f = b ^ c ^ d; g = (3 * i + 5) % 16; break;
        default: f = c ^ (b | ~d); g = 7 * i % 16; break;
        }
        uint32_t next = b + rotl(a + f + SINES[i] + w[g], TURNS[i / 16][i % 4]);
        a = d; d = c; c = b; b = next;
    }
    h[0] += a; h[1] += b; h[2] += c; h[3] += d;
}

static void md5(const uint8_t *msg, size_t n, uint8_t out[16])
{
    uint32_t h[4] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476};
    uint8_t block[64] = {0};
    uint64_t bits = (uint64_t)n * 8;
    for (; n >= 64; msg += 64, n -= 64) md5_block(h, msg);
    if (n) memcpy(block, msg, n);
    block[n] = 0x80;
    if (n >= 56) { md5_block(h, block); memset(block, 0, sizeof block); }
    for (int i = 0; i < 8; i++) block[56 + i] = (uint8_t)(bits >> (8 * i));
    md5_block(h, block);
    for (int i = 0; i < 16; i++) out[i] = (uint8_t)(h[i / 4] >> (8 * (i % 4)));
}

/* ---- the mappings ------------------------------------------------------------------------------------------------ */

static void set_root(ef_uid_key *k, const char *root, size_t n)
{
    if (n > 24) n = 24;                     /* 24 + 39 digits fit the 64 characters of a UID */
    if (n) memcpy(k->root, root, n);
    k->root_len = (uint32_t)n;
}

void ef_uid_key_md5(ef_uid_key *k, const char *root, size_t root_len)
{
    memset(k, 0, sizeof *k);
    k->kind = EF_UID_MD5;
    set_root(k, root, root_len);
}

void ef_uid_key_init(ef_uid_key *k, const uint8_t *key, size_t key_len, const char *root, size_t root_len)
{
    uint8_t block[64] = {0}, pad[64];
    memset(k, 0, sizeof *k);
    if (key_len > 64) {
        ef_sha256 s;
        ef_sha256_start(&s);
        finish(s, 0, key, key_len, block);
    } else if (key_len) {
        memcpy(block, key, key_len);
    }
    ef_sha256_start(&k->inner);
    ef_sha256_start(&k->outer);
    for (int i = 0; i < 64; i++) pad[i] = block[i] ^ 0x36;
    ef_sha256_block(&k->inner, pad);
    for (int i = 0; i < 64; i++) pad[i] = block[i] ^ 0x5c;
    ef_sha256_block(&k->outer, pad);
    set_root(k, root, root_len);
}

void ef_hmac(const ef_uid_key *k, const uint8_t *msg, size_t n, uint8_t out[32])
{
    uint8_t digest[32];
    finish(k->inner, 64, msg, n, digest);
    finish(k->outer, 64, digest, 32, out);
}

static const char pairs[201] =
    "0001020304050607080910111213141516171819202122232425262728293031323334353637383940414243444546474849"
    "5051525354555657585960616263646566676869707172737475767778798081828384858687888990919293949596979899";

size_t ef_uid_map(const ef_uid_key *k, const uint8_t *uid, size_t n, char out[72])
{
    uint8_t mac[32];
    char digits[57], *p = digits + sizeof digits;
    if (k->kind == EF_UID_MD5) {
        md5(uid, n, mac);
        mac[6] = (mac[6] & 0x0F) | 0x30;    /* version 3: by name; no namespace stands before the name */
        mac[8] = (mac[8] & 0x3F) | 0x80;    /* RFC 4122's variant */
    } else {
        ef_hmac(k, uid, n, mac);
    }
    unsigned __int128 x = 0;
    for (int i = 0; i < 16; i++) x = x << 8 | mac[i];
    do {                                    /* 19 digits at a time: 64-bit divisions only inside */
        uint64_t part = (uint64_t)(x % 10000000000000000000ull);
        x /= 10000000000000000000ull;
        for (int i = 0; i < 9; i++, part /= 100) { p -= 2; memcpy(p, pairs + 2 * (part % 100), 2); }
        *--p = (char)('0' + part);
    } while (x);
    while (*p == '0' && p < digits + sizeof digits - 1) p++;
    size_t nd = (size_t)(digits + sizeof digits - p);
    memcpy(out, k->root, sizeof k->root);
    memcpy(out + k->root_len, p, nd);
    return k->root_len + nd;
}
