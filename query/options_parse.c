/* From argv to the values of options. Options stand on either side of the command, so the line is
 * cut up first and judged when the command is known. */
#include "query_options.h"

#include <stdlib.h>
#include <string.h>

#define DEFAULT_STORE "/var/lib/ingestd"

/* Edits that turn one short word into another. */
static size_t edit_distance(const char *a, const char *b)
{
    size_t row[32];
    size_t length = strlen(b);
    if (length >= sizeof row / sizeof *row)
        return SIZE_MAX;
    for (size_t j = 0; j <= length; j++)
        row[j] = j;
    for (size_t i = 1; a[i - 1] != '\0'; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= length; j++) {
            size_t best = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
            diagonal = row[j];
            if (row[j] + 1 < best)
                best = row[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            row[j] = best;
        }
    }
    return row[length];
}

static int unknown_command(const char *word)
{
    const char *nearest = NULL;
    size_t best = 3;
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        size_t distance = edit_distance(word, command_rules[i].name);
        if (distance < best && distance < strlen(command_rules[i].name)) {
            best = distance;
            nearest = command_rules[i].name;
        }
    }
    if (nearest != NULL)
        return query_error(EX_USAGE, "unknown command \"%s\"; did you mean \"%s\"?", word, nearest);
    return query_error(EX_USAGE, "unknown command \"%s\"; see " PROGRAM " --help", word);
}

static int unknown_option(const char *word, const char *name)
{
    const char *nearest = NULL;
    size_t best = 3;
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        size_t distance = edit_distance(name, option_rules[i].name);
        if (distance < best) {
            best = distance;
            nearest = option_rules[i].name;
        }
    }
    if (nearest != NULL)
        return query_error(EX_USAGE, "unknown option %s; did you mean --%s?", word, nearest);
    return query_error(EX_USAGE, "unknown option %s; see " PROGRAM " --help", word);
}

static enum query_command command_named(const char *word)
{
    for (unsigned i = 0; i < COMMAND_COUNT; i++) {
        if (strcmp(word, command_rules[i].name) == 0)
            return (enum query_command)i;
    }
    return COMMAND_NONE;
}

static enum option_id option_named(const char *name, size_t name_bytes)
{
    for (unsigned i = 0; i < OPTION_COUNT; i++) {
        const char *known = option_rules[i].name;
        if (strlen(known) == name_bytes && memcmp(known, name, name_bytes) == 0)
            return (enum option_id)i;
    }
    return OPTION_COUNT;
}

static enum option_id option_lettered(char letter)
{
    for (unsigned i = 0; i < OPTION_COUNT; i++) {
        if (option_rules[i].letter != 0 && option_rules[i].letter == letter)
            return (enum option_id)i;
    }
    return OPTION_COUNT;
}

/* What the line says before it is judged. */
struct command_line {
    char **argv;
    int argc;
    int at;
    const char *values[OPTION_COUNT];
    const char *command;
};

/* One option at argv[at]: its value stands behind '=' or behind the letter, or is the next word
 * whatever that looks like
 * (--from -10m). */
static int take_option(struct command_line *line)
{
    char *word = line->argv[line->at++];
    const char *attached = NULL;
    enum option_id id;
    if (word[1] == '-') {
        const char *equals = strchr(word, '=');
        size_t name_bytes = equals != NULL ? (size_t)(equals - word) - 2 : strlen(word) - 2;
        id = option_named(word + 2, name_bytes);
        attached = equals != NULL ? equals + 1 : NULL;
    } else {
        id = option_lettered(word[1]);
        attached = word[2] != '\0' ? word + 2 : NULL;
    }
    if (id == OPTION_COUNT)
        return unknown_option(word, word + (word[1] == '-' ? 2 : 1));
    const struct option_rule *rule = &option_rules[id];
    if (rule->argument == NULL) {
        if (attached != NULL)
            return query_error(EX_USAGE, "--%s takes no value", rule->name);
        line->values[id] = "";
        return 0;
    }
    if (attached == NULL) {
        if (line->at == line->argc)
            return query_error(EX_USAGE, "--%s needs a value: %s", rule->name, rule->argument);
        attached = line->argv[line->at++];
    }
    line->values[id] = attached;
    return 0;
}

static int cut_up(struct command_line *line, struct query_options *options)
{
    bool only_words = false;
    while (line->at < line->argc) {
        char *word = line->argv[line->at];
        if (!only_words && strcmp(word, "--") == 0) {
            only_words = true;
            line->at++;
        } else if (!only_words && word[0] == '-' && word[1] != '\0') {
            int code = take_option(line);
            if (code != 0)
                return code;
        } else {
            line->at++;
            if (line->command == NULL)
                line->command = word;
            else
                options->names[options->names_count++] = word;
        }
    }
    return 0;
}

static int check_options(const struct command_line *line, enum query_command command)
{
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        if (line->values[i] != NULL && (option_rules[i].commands & 1U << command) == 0)
            return query_error(EX_USAGE, "%s does not take --%s; see " PROGRAM " %s --help",
                               command_rules[command].name, option_rules[i].name,
                               command_rules[command].name);
    }
    return 0;
}

static int check_names(const struct query_options *options, enum query_command command)
{
    const char *name = command_rules[command].name;
    if (command_rules[command].arguments[0] == 'S' && options->names_count == 0 &&
        options->array.file == NULL)
        return query_error(EX_USAGE, "%s needs the name of a series or a glob", name);
    if (command == COMMAND_BACKUP && options->names_count != 1)
        return query_error(EX_USAGE, "backup needs one folder that is empty or does not exist");
    for (size_t i = 0; i < options->names_count; i++)
        if (options->names[i][0] == '\0')
            return query_error(EX_USAGE, "%s: the name %s is empty", name,
                               command == COMMAND_BACKUP ? "of the folder" : "of a series");
    if (command == COMMAND_STATUS && options->has_max_age && options->names_count == 0)
        return query_error(EX_USAGE, "--max-age needs a name or a glob: --max-age 5m 'plant/**'");
    if (command == COMMAND_STATUS && options->has_max_age && options->gateways)
        return query_error(EX_USAGE, "--gateways and --max-age are two questions: ask one");
    if (command == COMMAND_STATUS && !options->has_max_age && options->names_count > 0)
        return query_error(EX_USAGE, "status takes series only with --max-age");
    return 0;
}

static void choose_store(const char *given, struct query_options *options)
{
    const char *environment = getenv("INGESTD_STORE");
    if (given != NULL)
        options->store = given;
    else if (environment != NULL && environment[0] != '\0')
        options->store = environment;
    else
        options->store = DEFAULT_STORE;
}

int options_parse(int argc, char **argv, struct query_options *ret_options,
                  enum query_command *ret_command)
{
    struct command_line line = {.argv = argv, .argc = argc, .at = 1};
    *ret_options = (struct query_options){.step = 1, .lines = 10};
    ret_options->names = calloc((size_t)argc + 1, sizeof *ret_options->names);
    if (ret_options->names == NULL)
        return query_error(QUERY_FAILED, "out of memory");
    int code = cut_up(&line, ret_options);
    if (code != 0)
        return code;
    if (line.values[OPTION_VERSION] != NULL) {
        puts(PROGRAM " " INGEST_VERSION);
        return -1;
    }
    enum query_command command = line.command != NULL ? command_named(line.command) : COMMAND_NONE;
    if (line.command != NULL && command == COMMAND_NONE)
        return unknown_command(line.command);
    if (line.values[OPTION_HELP] != NULL) {
        options_help(stdout, command);
        return -1;
    }
    if (command == COMMAND_NONE) {
        options_help(stderr, COMMAND_NONE);
        return EX_USAGE;
    }
    if (line.values[OPTION_STORE] != NULL && line.values[OPTION_STORE][0] == '\0')
        return query_error(EX_USAGE, "--store needs the path of a folder");
    code = check_options(&line, command);
    if (code == 0)
        code = options_convert(command, line.values, ret_options);
    if (code == 0)
        code = check_names(ret_options, command);
    choose_store(line.values[OPTION_STORE], ret_options);
    *ret_command = command;
    return code;
}

void options_free(struct query_options *options)
{
    free(options->names);
    free(options->statistics);
    free(options->elements);
}
