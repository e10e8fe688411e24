/* log.h - messages of the programs, on standard error. Libraries never log.
 *
 * Under systemd (JOURNAL_STREAM is set) each line begins with its priority, "<4>", and has no time
 * of its own; elsewhere it begins with "ingestd: warning: ". One message is one line and one
 * write(2): lines of threads do not mix. */
#ifndef INGEST_LOG_H
#define INGEST_LOG_H

#include <stdbool.h>
#include <stdint.h>

/* Values are syslog's priorities. */
enum log_level {
    LOG_LEVEL_ERROR = 3,
    LOG_LEVEL_WARNING = 4,
    LOG_LEVEL_NOTICE = 5,
    LOG_LEVEL_INFO = 6,
    LOG_LEVEL_DEBUG = 7
};

/* Program's name before each line (kept by reference); call once, before threads. */
void log_open(const char *program);

/* Messages above this level are dropped; LOG_LEVEL_INFO at first. Any thread. */
void log_set_level(enum log_level level);

/* "error", "warning", "notice", "info", "debug" to a level; false for anything else. */
bool log_level_from_name(const char *name, enum log_level *ret_level);

__attribute__((format(printf, 2, 3))) void log_message(enum log_level level, const char *format,
                                                       ...);

#define log_error(...)   log_message(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_message(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_notice(...)  log_message(LOG_LEVEL_NOTICE, __VA_ARGS__)
#define log_info(...)    log_message(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)   log_message(LOG_LEVEL_DEBUG, __VA_ARGS__)

/* A budget for one kind of message: `burst` at once, then one each `interval_ns`. One thread each.
 */
struct log_limit {
    int64_t interval_ns;
    uint32_t burst;
    uint32_t tokens;     /* messages that may go out now */
    uint64_t suppressed; /* messages held back since the last one that went out */
    int64_t last_ns;     /* monotonic time of the last refill */
};

/* True when a message of this kind may go out now; then *ret_suppressed is how many were held back
 * before it. */
bool log_limit_allow(struct log_limit *limit, int64_t now_monotonic_ns, uint64_t *ret_suppressed);

#endif
