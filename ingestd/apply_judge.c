#include "apply_internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void apply_item_type(const struct apply_item *item, struct series_type *ret_type)
{
    *ret_type = (struct series_type){
        .dtype = item->wire.dtype,
        .clock = item->wire.explicit_series ? SERIES_EXPLICIT : SERIES_REGULAR,
        .rank = item->wire.rank,
    };
    for (unsigned i = 0; i < item->wire.rank; i++)
        ret_type->dims[i] = item->wire.dims[i];
}

bool apply_item_fits(const struct apply_item *item)
{
    const struct series_type *type = series_type(item->series);
    if (type->dtype != item->wire.dtype || type->rank != item->wire.rank ||
        (item->wire.explicit_series && type->clock != SERIES_EXPLICIT))
        return false;
    for (unsigned i = 0; i < item->wire.rank; i++)
        if (type->dims[i] != item->wire.dims[i])
            return false;
    return true;
}

static void apply_refuse(const struct apply_item *item, enum wire_code code, const char *reason,
                         struct verdict *verdict)
{
    verdict_refuse(verdict, code, item->wire.name, item->wire.name_bytes, "%s", reason);
}

/* What may be over later is asked for again; damage would jam its gateway for ever. */
static void apply_refuse_broken(const struct apply_item *item, const char *damage,
                                struct verdict *verdict)
{
    if (series_is_unread(item->series)) {
        verdict_refuse(verdict, WIRE_BUSY, item->wire.name, item->wire.name_bytes,
                       "cannot be read for now: %s; send again", damage);
        return;
    }
    verdict_refuse(verdict, WIRE_NO_ROOM, item->wire.name, item->wire.name_bytes,
                   "damaged: %s; restore its files or delete the series", damage);
}

void apply_refuse_mismatch(const struct apply_item *item, struct verdict *verdict)
{
    const char *damage = series_broken(item->series);
    if (damage != NULL) {
        apply_refuse_broken(item, damage, verdict);
        return;
    }
    char has[96];
    char wants[96];
    struct series_type type;
    apply_item_type(item, &type);
    series_type_text(series_type(item->series), has, sizeof has);
    series_type_text(&type, wants, sizeof wants);
    verdict_refuse(
        verdict, WIRE_TYPE_MISMATCH, item->wire.name, item->wire.name_bytes,
        "the series is %s and the block is %s; send what the series holds, or use another name",
        has, wants);
}

int apply_refuse_create(const struct apply_item *item, int error_code,
                        const struct error_text *error, const char *rule_label,
                        struct verdict *verdict)
{
    const char *said = error->text[0] != '\0' ? error->text : strerror(-error_code);
    switch (error_code) {
    case -EINVAL:
        apply_refuse(item, WIRE_MALFORMED, said, verdict);
        return 0;
    case -ENAMETOOLONG:
        apply_refuse(item, WIRE_BAD_NAME, said, verdict);
        return 0;
    case -EPERM:
        verdict_refuse(verdict, WIRE_NO_ROOM, item->wire.name, item->wire.name_bytes,
                       "rule [series.%s] refuses new series of this name (mode = refuse); use "
                       "another name, or change the rule",
                       rule_label != NULL ? rule_label : "default");
        return 0;
    case -EDOM:
        verdict_refuse(verdict, WIRE_NO_ROOM, item->wire.name, item->wire.name_bytes,
                       "rule [series.%s] does not suit it: %s",
                       rule_label != NULL ? rule_label : "default", said);
        return 0;
    case -ENOSPC:
        apply_refuse(item, WIRE_STORE_FULL, said, verdict);
        return 0;
    case -ENOMEM:
    case -EMFILE:
    case -ENFILE:
        apply_refuse(item, WIRE_BUSY, said, verdict);
        return 0;
    case -EIO:
    case -EROFS:
        apply_refuse(item, WIRE_STORE_FULL, said, verdict);
        return -EIO;
    default:
        /* -EDQUOT above all; what stands in the way of one name must not stop a stream of others.
         */
        apply_refuse(item, WIRE_NO_ROOM, said, verdict);
        return 0;
    }
}

int apply_refuse_append(const struct apply_item *item, int error_code, uint64_t capacity,
                        struct verdict *verdict)
{
    switch (error_code) {
    case -EFBIG:
        verdict_refuse(verdict, WIRE_TOO_LARGE, item->wire.name, item->wire.name_bytes,
                       "a block of %" PRIu32 " samples is longer than its ring of %" PRIu64
                       "; send smaller batches or raise the rule's capacity",
                       item->wire.count, capacity);
        return 0;
    case -ENOSPC:
        apply_refuse(item, WIRE_STORE_FULL,
                     "no space to extend it: the disk, min_free or max_bytes is reached; "
                     "free space or raise the limit",
                     verdict);
        return 0;
    case -EINVAL:
        apply_refuse(item, WIRE_MALFORMED,
                     "a period below 1000 ps would give two samples one stamp", verdict);
        return 0;
    case -EOVERFLOW:
        apply_refuse(item, WIRE_MALFORMED, "its times are beyond what int64 nanoseconds hold",
                     verdict);
        return 0;
    case -EBADF: {
        const char *damage = series_broken(item->series);
        apply_refuse_broken(item, damage != NULL ? damage : "it cannot be written", verdict);
        return 0;
    }
    case -ENOMEM:
    case -EMFILE:
    case -ENFILE:
    case -EAGAIN:
    case -EBUSY:
        verdict_refuse(verdict, WIRE_BUSY, item->wire.name, item->wire.name_bytes, "%s",
                       strerror(-error_code));
        return 0;
    case -EIO:
    case -EROFS:
        verdict_refuse(verdict, WIRE_STORE_FULL, item->wire.name, item->wire.name_bytes, "%s",
                       strerror(-error_code));
        return -EIO;
    default:
        /* A right that was taken away, for one: it may be given back. */
        verdict_refuse(verdict, WIRE_BUSY, item->wire.name, item->wire.name_bytes,
                       "cannot be written for now: %s; send again", strerror(-error_code));
        return 0;
    }
}
