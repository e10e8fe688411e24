/* config.h - the configuration of ingestd: one table of settings, one loader. See ingestd.ini(5).
 *
 * Every mistake is an error that names file, line and key: an unknown section or key, a duplicate,
 * a value that does not parse, a line longer than inih reads, a section name that inih would cut, a
 * rule without `match`. */
#ifndef INGEST_CONFIG_H
#define INGEST_CONFIG_H

#include "error_text.h"
#include "log.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONFIG_DEFAULT_PATH "/etc/ingestd/ingestd.ini"

enum config_series_mode { CONFIG_MODE_RING, CONFIG_MODE_GROW, CONFIG_MODE_REFUSE };
enum config_late { CONFIG_LATE_DROP, CONFIG_LATE_CLAMP };
enum config_security { CONFIG_SECURITY_NONE, CONFIG_SECURITY_CURVE };
enum config_capacity_unit {
    CONFIG_CAPACITY_DEFAULT, /* not given */
    CONFIG_CAPACITY_SAMPLES,
    CONFIG_CAPACITY_BYTES,
    CONFIG_CAPACITY_NS
};

/* One [series.LABEL]; they are tried in file order. */
struct config_rule {
    char *label;
    char *match;
    enum config_series_mode mode;
    enum config_capacity_unit capacity_unit;
    uint64_t capacity;
    bool preallocate;
    enum config_late late;
    int64_t jitter_ns;
    char *unit; /* NULL when not given; so are the next two */
    char *description;
    char *elements;
    int line; /* of the section's first line, for messages */
    int match_line;
};

/* `max_bytes` as given: bytes, or a share of the file system in per mille. */
struct config_size {
    uint64_t bytes;
    uint32_t per_mille; /* 0 = `bytes` holds */
};

struct config {
    char *store_path;
    struct config_size max_bytes; /* 80 % */
    uint64_t min_free_bytes;      /* 256 MiB */
    uint64_t max_series;          /* 100,000 */
    char **router;                /* endpoints; tcp://127.0.0.1:5570 */
    size_t router_count;
    char **pull;
    size_t pull_count;
    uint64_t max_batch_bytes;       /* 4 MiB; 4 KiB to 1 GiB */
    int64_t flush_interval_ns;      /* 1 s; 10 ms to 1 h */
    uint64_t direct_bytes;          /* 256 KiB; 4 KiB to 1 GiB */
    int64_t checkpoint_interval_ns; /* 5 min; 1 s to 1 d */
    uint64_t journal_bytes;         /* 64 MiB; 1 MiB to 4 GiB */
    enum config_security security_mode;
    char *server_key_file; /* the daemon's secret certificate; NULL when not given */
    char *clients_dir;     /* certificates of gateways; NULL when not given */
    int server_key_line;   /* where they are given, for messages; 0 = not */
    int clients_line;
    bool insecure;            /* without CURVE: no = tcp endpoints on loopback addresses alone */
    int64_t max_future_ns;    /* 1 h */
    enum log_level log_level; /* info */
    struct config_rule *rules;
    size_t rule_count;
};

/* Called for each mistake: one line "file:line: [section] key: what is wrong and what would be
 * right". */
typedef void config_report(const char *message, void *context);

/* Reads a file into a new configuration; defaults hold for what it leaves out. 0; -ENOENT and other
 * errors of opening (one report); -EINVAL when there was a mistake or the file is a pipe (every
 * mistake was reported, nothing is returned). */
int config_load(const char *path, config_report *report, void *context, struct config **ret_config);

/* The defaults alone. -ENOMEM. */
int config_defaults(struct config **ret_config);

void config_free(struct config *config); /* NULL is allowed */

/* What a reload cannot change: reports each such key that differs ("[store] path: needs a restart")
 * and returns how many. */
size_t config_report_fixed(const struct config *running, const struct config *wanted,
                           config_report *report, void *context);

#endif
