/* A main for harnesses written for libFuzzer where only gcc is at hand.
 *
 *     scan [-runs=N] [-seconds=S] [-seed=K] [-crash=FILE] SEED_FOLDER_OR_FILE...
 *
 * Runs every seed as it is, then mutants of them: flipped bits, tweaked lengths, pieces cut out, doubled, moved or taken
 * from another seed, truncations; their first bytes are drawn anew, since those choose the plan. The same seed number
 * and folder give the same mutants. Stops at the first of the two bounds; an input that aborts is written to FILE.
 */
#define _POSIX_C_SOURCE 200809L

#include <dirent.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));

#define LARGEST 65536u      /* of a seed; mutants may be twice as long */

typedef struct { uint8_t *data; size_t size; } input;

static input *seeds;
static size_t n_seeds, cap_seeds;
static input current;
static const char *crash_file = "crash.dcm";

static uint64_t state = 88172645463325252u;

static uint64_t next(void)      /* xorshift64 */
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static size_t below(size_t n)
{
    return n ? (size_t)(next() % n) : 0;
}

static void dump(void)
{
    FILE *f = fopen(crash_file, "wb");
    if (!f) return;
    fwrite(current.data, 1, current.size, f);
    fclose(f);
    fprintf(stderr, "the input is in %s (%zu bytes)\n", crash_file, current.size);
}

static void on_abort(int signal_number)
{
    dump();
    signal(signal_number, SIG_DFL);
    raise(signal_number);
}

static void load(const char *path)
{
    struct stat about;
    if (stat(path, &about)) { perror(path); exit(2); }
    if (S_ISDIR(about.st_mode)) {
        struct dirent **names;
        int n = scandir(path, &names, NULL, alphasort);
        if (n < 0) { perror(path); exit(2); }
        for (int i = 0; i < n; i++) {
            char inside[4096];
            if (names[i]->d_name[0] != '.' &&
                snprintf(inside, sizeof inside, "%s/%s", path, names[i]->d_name) < (int)sizeof inside) load(inside);
            free(names[i]);
        }
        free(names);
        return;
    }
    if (about.st_size > LARGEST) return;
    FILE *f = fopen(path, "rb");
    input one = {malloc((size_t)about.st_size + 1), (size_t)about.st_size};
    if (!f || !one.data || fread(one.data, 1, one.size, f) != one.size) { perror(path); exit(2); }
    fclose(f);
    if (n_seeds == cap_seeds) {
        cap_seeds = cap_seeds ? 2 * cap_seeds : 256;
        seeds = realloc(seeds, cap_seeds * sizeof *seeds);
        if (!seeds) exit(2);
    }
    seeds[n_seeds++] = one;
}

/* Replaces n bytes at `at` of the current input by m others; keeps the size within twice the largest seed. */
static void replace(size_t at, size_t n, const uint8_t *by, size_t m)
{
    if (at + n > current.size || current.size - n + m > 2 * (size_t)LARGEST) return;
    memmove(current.data + at + m, current.data + at + n, current.size - at - n);
    if (m) memcpy(current.data + at, by, m);
    current.size = current.size - n + m;
}

static void mutate(void)
{
    static const uint32_t lengths[] = {0, 1, 2, 7, 8, 0x7F, 0xFE, 0xFFFE, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE,
                                       0xFFFFFFFF};
    static const uint8_t marks[][8] = {{0xFE, 0xFF, 0x00, 0xE0, 0xFF, 0xFF, 0xFF, 0xFF}, {0xFE, 0xFF, 0x00, 0xE0},
                                       {0xFE, 0xFF, 0x0D, 0xE0}, {0xFE, 0xFF, 0xDD, 0xE0}};
    static uint8_t piece[LARGEST];
    /* Past the meta at most times: a broken meta ends the run early. */
    size_t from = current.size > 400 && below(8) ? 132 + below(200) : 0, at = from + below(current.size - from);
    size_t n = 1 + below(below(4) ? 16 : 2048);
    if (!current.size) return;
    switch (below(9)) {
    case 0: current.data[at] ^= (uint8_t)(1u << below(8)); break;
    case 1: current.data[at] = (uint8_t)next(); break;
    case 2: case 3: {
        uint32_t length = below(2) ? lengths[below(sizeof lengths / sizeof *lengths)] : (uint32_t)below(300);
        uint8_t raw[4] = {(uint8_t)length, (uint8_t)(length >> 8), (uint8_t)(length >> 16), (uint8_t)(length >> 24)};
        replace(at, below(2) ? 2 : 4, raw, below(2) ? 2 : 4);
        break;
    }
    case 4: {
        size_t size = current.size - at;
        replace(at, n < size ? n : size, NULL, 0);
        break;
    }
    case 5: {
        size_t left = current.size - at, size = n < left ? n : left;
        memcpy(piece, current.data + at, size);
        replace(from + below(current.size - from), 0, piece, size);
        break;
    }
    case 6: {
        const input *other = &seeds[below(n_seeds)];
        size_t start = below(other->size), left = other->size - start;
        replace(at, 0, other->data + start, n < left ? n : left);
        break;
    }
    case 7: replace(at, 0, marks[below(4)], 8); break;
    default: current.size = at; break;
    }
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
    unsigned long long runs = 0, most = 0;
    double seconds = 0;
    for (int i = 1; i < argc; i++) {
        if (!strncmp(argv[i], "-runs=", 6)) most = strtoull(argv[i] + 6, NULL, 10);
        else if (!strncmp(argv[i], "-seconds=", 9)) seconds = strtod(argv[i] + 9, NULL);
        else if (!strncmp(argv[i], "-seed=", 6)) state ^= strtoull(argv[i] + 6, NULL, 10) * 0x9E3779B97F4A7C15u;
        else if (!strncmp(argv[i], "-crash=", 7)) crash_file = argv[i] + 7;
        else load(argv[i]);
    }
    if (!most && seconds <= 0) seconds = 10;
    if (!n_seeds) { fprintf(stderr, "no seeds of at most %u bytes\n", LARGEST); return 2; }
    signal(SIGABRT, on_abort);
    if (__sanitizer_set_death_callback) __sanitizer_set_death_callback(dump);
    double begin = now();
    while ((!most || runs < most) && (seconds <= 0 || now() - begin < seconds)) {
        const input *seed = &seeds[runs < n_seeds ? runs : below(n_seeds)];
        uint8_t *data = malloc(2 * LARGEST);
        if (!data) return 2;
        memcpy(data, seed->data, seed->size);
        current = (input){data, seed->size};
        if (runs >= n_seeds) {
            for (size_t n = 1 + below(4); n; n--) mutate();
            for (size_t i = 0; i < 8 && i < current.size; i++) current.data[i] = (uint8_t)next();   /* world.h: choices */
        }
        /* An allocation of exactly this size, so that the sanitizer sees the first byte read behind it. */
        uint8_t *exact = malloc(current.size ? current.size : 1);
        if (!exact) return 2;
        memcpy(exact, current.data, current.size);
        free(data);
        current.data = exact;
        LLVMFuzzerTestOneInput(current.data, current.size);
        free(exact);
        runs++;
    }
    double spent = now() - begin;
    printf("%llu runs over %zu seeds in %.1f s: %.0f runs/s\n", runs, n_seeds, spent, (double)runs / spent);
    for (size_t i = 0; i < n_seeds; i++) free(seeds[i].data);
    free(seeds);
    return 0;
}
