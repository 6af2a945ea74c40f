/* What both fuzz targets share: facts, compiled plans, and how an input chooses among them.
 *
 * The choices are the first bytes of the preamble, which mean nothing to DICOM (PS3.10 §7.1): a mutation of the data set
 * leaves the plan as it was, and a fuzzer that watches coverage finds the plans one by one.
 */
#ifndef EFFACER_FUZZ_WORLD_H
#define EFFACER_FUZZ_WORLD_H

#include "../core.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define COUNT(a) ((uint32_t)(sizeof(a) / sizeof *(a)))
#define PROMISE(what) \
    do { if (!(what)) { fprintf(stderr, "broken: %s (%s, line %d)\n", #what, __FILE__, __LINE__); abort(); } } while (0)
#define MOST_ROWS (1u << 20)
#define N_PLANS 10

typedef struct { const uint8_t *data; size_t size; } bytes;

/* What an input chose. */
typedef struct {
    bytes whole;
    uint64_t start;             /* of the data set */
    int encoding;               /* 0 implicit, 1 explicit, 2 explicit big endian */
    ef_encoding enc;
    uint32_t plan;
    const ef_matcher *m;
    int calm;                   /* the plan changes nothing */
    size_t window;              /* bytes of the small window */
    uint32_t dice;              /* seed of everything else that is drawn */
} choice;

const ef_facts *world_facts(void);
/* The calm plan's matcher, for reading again what came out. */
const ef_matcher *world_calm(int encoding);
/* Reads the meta of an input, or makes one up where it has none. */
choice world_choose(const uint8_t *data, size_t size);
uint32_t world_draw(choice *c, uint32_t below);
/* An input that is read through a window of c->window bytes at first, and for ever where `narrow` is set. */
void world_window(ef_input *in, choice *c, int narrow);
void *world_checked(void *p);
/* The segments in one piece; to be freed. */
bytes world_join(const ef_output *out, bytes whole);
/* Draws decisions for some of the listed elements and items, ascending; to be freed. Verbs that need no value. */
ef_override *world_overrides(choice *c, const ef_rows *rows, size_t *n);
/* Index of the row that starts at `at`, or -1. */
int64_t world_row(const ef_rows *rows, uint64_t at);

#endif
