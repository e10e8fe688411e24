/* query_options.h - the command line of ingest-query: one table says which options there are, which
 * commands take them, and what their help is. */
#ifndef INGEST_QUERY_OPTIONS_H
#define INGEST_QUERY_OPTIONS_H

#include "query.h"

#include <stdio.h>

enum query_command {
    COMMAND_LS,
    COMMAND_INFO,
    COMMAND_STATS,
    COMMAND_RESAMPLE,
    COMMAND_ROLLING,
    COMMAND_DUMP,
    COMMAND_TAIL,
    COMMAND_PLOT,
    COMMAND_VERIFY,
    COMMAND_STATUS,
    COMMAND_BACKUP,
    COMMAND_COUNT,
    COMMAND_NONE = COMMAND_COUNT
};

enum option_id {
    OPTION_STORE,
    OPTION_FILE,
    OPTION_DTYPE,
    OPTION_SHAPE,
    OPTION_OFFSET,
    OPTION_ORDER,
    OPTION_PARTIAL,
    OPTION_SLICE,
    OPTION_PERIOD,
    OPTION_T0,
    OPTION_STAMPS,
    OPTION_OVER,
    OPTION_FROM,
    OPTION_TO,
    OPTION_LAST,
    OPTION_FIRST,
    OPTION_UTC,
    OPTION_STAT,
    OPTION_DDOF,
    OPTION_NAN,
    OPTION_MIN_COUNT,
    OPTION_WEIGHT,
    OPTION_ELEMENT,
    OPTION_EVERY,
    OPTION_FILL,
    OPTION_WIDE,
    OPTION_WINDOW,
    OPTION_STEP,
    OPTION_ROLLING,
    OPTION_WIDTH,
    OPTION_HEIGHT,
    OPTION_ASCII,
    OPTION_LINES,
    OPTION_FOLLOW,
    OPTION_JOBS,
    OPTION_MAX_AGE,
    OPTION_GATEWAYS,
    OPTION_FORMAT,
    OPTION_TIME,
    OPTION_OUTPUT,
    OPTION_TIMES,
    OPTION_HELP,
    OPTION_VERSION,
    OPTION_COUNT
};

struct option_rule {
    const char *name;     /* without the dashes */
    const char *argument; /* what the help calls its value; NULL = it takes none */
    unsigned commands;    /* bit per enum query_command */
    char letter;          /* 0 = none */
    const char *help;
};
extern const struct option_rule option_rules[OPTION_COUNT];

struct command_rule {
    const char *name;
    const char *arguments; /* "S..." */
    const char *summary;
    const char *help; /* what its own --help adds */
    int (*run)(const struct query_options *options);
    unsigned formats; /* bit per enum query_format */
};
extern const struct command_rule command_rules[COMMAND_COUNT];

/* Parses the command line. 0: run *ret_command; negative: help or version was printed, exit 0; else
 * an exit code, with its message printed. */
int options_parse(int argc, char **argv, struct query_options *ret_options,
                  enum query_command *ret_command);
void options_free(struct query_options *options);

/* Turns the values of options into *options. `values[id]` is an option's text, "" for one without
 * an argument that was given, NULL where it was not. 0 or EX_USAGE. */
int options_convert(enum query_command command, const char *const values[OPTION_COUNT],
                    struct query_options *options);

/* The same for --over, and after all others for those of an array file. */
int options_convert_over(enum query_command command, const char *const values[OPTION_COUNT],
                         struct query_options *options);
int options_convert_array(enum query_command command, const char *const values[OPTION_COUNT],
                          struct query_options *options);

/* The help of the program (COMMAND_NONE) or of one command. */
void options_help(FILE *file, enum query_command command);

#endif
