#include "kill_shared.h"

#include <stdarg.h>
#include <stdio.h>

void kill_fail(struct kill_shared *shared, const char *format, ...)
{
    if (atomic_flag_test_and_set(&shared->is_text_taken))
        return;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(shared->text, sizeof shared->text, format, arguments);
    va_end(arguments);
    atomic_store(&shared->has_failed, true);
}

void kill_raise(_Atomic uint64_t *number, uint64_t value)
{
    uint64_t old = atomic_load(number);
    while (old < value && !atomic_compare_exchange_weak(number, &old, value))
        ;
}
