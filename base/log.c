#include "log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *log_program = "ingest";
static bool log_has_journal;
static _Atomic int log_level_max = LOG_LEVEL_INFO;

static const char *const level_names[] = {
    [LOG_LEVEL_ERROR] = "error", [LOG_LEVEL_WARNING] = "warning", [LOG_LEVEL_NOTICE] = "notice",
    [LOG_LEVEL_INFO] = "info",   [LOG_LEVEL_DEBUG] = "debug",
};

void log_open(const char *program)
{
    log_program = program;
    log_has_journal = getenv("JOURNAL_STREAM") != NULL;
}

void log_set_level(enum log_level level)
{
    atomic_store_explicit(&log_level_max, (int)level, memory_order_relaxed);
}

bool log_level_from_name(const char *name, enum log_level *ret_level)
{
    for (int level = LOG_LEVEL_ERROR; level <= LOG_LEVEL_DEBUG; level++) {
        if (strcmp(name, level_names[level]) == 0) {
            *ret_level = (enum log_level)level;
            return true;
        }
    }
    return false;
}

void log_message(enum log_level level, const char *format, ...)
{
    if ((int)level > atomic_load_explicit(&log_level_max, memory_order_relaxed))
        return;

    char line[2048];
    int prefix = log_has_journal
                     ? snprintf(line, sizeof line, "<%d>", (int)level)
                     : snprintf(line, sizeof line, "%s: %s: ", log_program, level_names[level]);
    size_t used = prefix > 0 && (size_t)prefix < sizeof line / 2 ? (size_t)prefix : 0;

    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(line + used, sizeof line - used - 1, format, arguments);
    va_end(arguments);
    if (length < 0)
        return;
    used += (size_t)length < sizeof line - used - 1 ? (size_t)length : sizeof line - used - 2;

    /* A peer's bytes may stand in a message: a line break or an escape must not forge a second
     * line. */
    for (size_t i = 0; i < used; i++)
        if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
            line[i] = '?';
    line[used++] = '\n';
    /* Nothing can be done about a message that standard error does not take. */
    ssize_t ignored = write(STDERR_FILENO, line, used);
    (void)ignored;
}

bool log_limit_allow(struct log_limit *limit, int64_t now_monotonic_ns, uint64_t *ret_suppressed)
{
    if (limit->last_ns == 0) {
        limit->tokens = limit->burst;
        limit->last_ns = now_monotonic_ns;
    }
    int64_t refill = (now_monotonic_ns - limit->last_ns) / limit->interval_ns;
    if (refill > 0) {
        limit->tokens = refill >= limit->burst - limit->tokens ? limit->burst
                                                               : limit->tokens + (uint32_t)refill;
        limit->last_ns += refill * limit->interval_ns;
    }
    if (limit->tokens == 0) {
        limit->suppressed++;
        return false;
    }
    limit->tokens--;
    *ret_suppressed = limit->suppressed;
    limit->suppressed = 0;
    return true;
}
