/* checked.h - arithmetic that says when it overflowed. Each returns true and stores the result, or
 * returns false and stores nothing. */
#ifndef INGEST_CHECKED_H
#define INGEST_CHECKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* NOLINTBEGIN(bugprone-macro-parentheses): a type cannot stand in parentheses. */
#define CHECKED_DEFINE(name, type, builtin)                                                        \
    static inline bool checked_##name(type a, type b, type *ret_result)                            \
    {                                                                                              \
        type result;                                                                               \
        if (builtin(a, b, &result))                                                                \
            return false;                                                                          \
        *ret_result = result;                                                                      \
        return true;                                                                               \
    }
/* NOLINTEND(bugprone-macro-parentheses) */

CHECKED_DEFINE(add_size, size_t, __builtin_add_overflow)
CHECKED_DEFINE(multiply_size, size_t, __builtin_mul_overflow)
CHECKED_DEFINE(add_u64, uint64_t, __builtin_add_overflow)
CHECKED_DEFINE(multiply_u64, uint64_t, __builtin_mul_overflow)
CHECKED_DEFINE(add_i64, int64_t, __builtin_add_overflow)
CHECKED_DEFINE(subtract_i64, int64_t, __builtin_sub_overflow)
CHECKED_DEFINE(multiply_i64, int64_t, __builtin_mul_overflow)

#undef CHECKED_DEFINE

#endif
