/* options.h - the command line of ingestd. */
#ifndef INGEST_OPTIONS_H
#define INGEST_OPTIONS_H

#include "error_text.h"

enum options_action {
    OPTIONS_RUN,
    OPTIONS_CHECK_CONFIG,
    OPTIONS_KEYGEN, /* writes `subject` and its secret twin */
    OPTIONS_DELETE, /* of the series that match `subject`, a glob */
    OPTIONS_RENAME, /* of `subject` to `new_name` */
    OPTIONS_REPAIR,
    OPTIONS_VERSION,
    OPTIONS_HELP
};

/* Strings point into argv. */
struct options {
    enum options_action action;
    const char *config_path; /* NULL = the default file, which need not exist */
    const char *store_path;  /* NULL = as configured */
    const char *subject;
    const char *new_name;
};

/* -EINVAL for what is not a command line of ours. */
int options_parse(int argc, char **argv, struct options *ret_options, struct error_text *error);

/* The text of --help. */
const char *options_help(void);

#endif
