/* apply_internal.h - what apply.c and apply_judge.c share. */
#ifndef INGEST_APPLY_INTERNAL_H
#define INGEST_APPLY_INTERNAL_H

#include "apply.h"

/* A block on its way: decoded, with its series. */
struct apply_item {
    struct wire_block wire;
    struct series *series; /* NULL = to be created */
    const char *reason;    /* when `code` is a refusal */
    enum wire_code code;   /* WIRE_OK until a pass refuses it */
};

/* The type that a block makes a series of. */
void apply_item_type(const struct apply_item *item, struct series_type *ret_type);

/* True when the block fits its series' type. */
bool apply_item_fits(const struct apply_item *item);

/* Refusals, each with its text and remedy. */
void apply_refuse_mismatch(const struct apply_item *item, struct verdict *verdict);

/* What an error of store_create() means: 0 when the block was refused for it, -EIO when the daemon
 * cannot go on. */
int apply_refuse_create(const struct apply_item *item, int error_code,
                        const struct error_text *error, const char *rule_label,
                        struct verdict *verdict);

/* What an error of series_append() or series_judge_first() means; as above. `capacity`: of the
 * series, or of the one that was not made. */
int apply_refuse_append(const struct apply_item *item, int error_code, uint64_t capacity,
                        struct verdict *verdict);

#endif
