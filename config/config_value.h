/* config_value.h - the kinds of values that settings have. */
#ifndef INGEST_CONFIG_VALUE_H
#define INGEST_CONFIG_VALUE_H

#include "config_table.h"

extern const struct config_kind config_kind_text;  /* char *; NULL when not given */
extern const struct config_kind config_kind_count; /* uint64_t */
extern const struct config_kind config_kind_bytes; /* uint64_t */
extern const struct config_kind
    config_kind_share; /* struct config_size; limits are those of its bytes */
extern const struct config_kind config_kind_duration;  /* int64_t, ns */
extern const struct config_kind config_kind_endpoints; /* char ** and size_t */
extern const struct config_kind config_kind_log_level; /* enum log_level */
extern const struct config_kind config_kind_security;  /* enum config_security */
extern const struct config_kind config_kind_mode;      /* enum config_series_mode */
extern const struct config_kind config_kind_capacity;  /* uint64_t and enum config_capacity_unit */
extern const struct config_kind config_kind_yes_no;    /* bool */
extern const struct config_kind config_kind_late;      /* enum config_late */

#endif
