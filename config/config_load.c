/* The loader: lines are read and judged by config_lines.c, split into key and value by inih, and
 * put into the configuration by the table. Every mistake is reported, and the first does not hide
 * the second. */
#include "config.h"

#include "config_internal.h"
#include "config_lines.h"
#include "endpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SUGGESTION_BYTES 256
#define RULE_PREFIX      "series."

enum place { PLACE_START, PLACE_SECTION, PLACE_RULE, PLACE_UNKNOWN };

struct loader {
    const char *path;
    config_report *report;
    void *context;
    struct config_lines lines;
    struct config *config;
    size_t mistakes;
    int failure;                                /* negative errno that ended the reading, or 0 */
    int buffer_bytes;                           /* of inih's buffer for a line, 0 = not yet known */
    enum place place;                           /* where the current line stands */
    char section[CONFIG_SECTION_BYTES_MAX + 1]; /* its name */
    struct config_rule *rule;                   /* with PLACE_RULE, else NULL */
    bool rule_doubtful;                         /* a line of the rule was not understood */
    int rule_lines[CONFIG_RULE_SETTING_COUNT];  /* where each key of the rule was given, 0 = not */
    int setting_lines[CONFIG_SETTING_COUNT];    /* where each setting was given */
    int section_lines[CONFIG_SETTING_COUNT];    /* where the section of each setting begins */
};

/* Reports "path:line: message"; line 0 stands for the whole file. */
__attribute__((format(printf, 3, 4))) static void mistake(struct loader *loader, int line,
                                                          const char *format, ...)
{
    char *what;
    char *message;
    loader->mistakes++;
    va_list arguments;
    va_start(arguments, format);
    int length = vasprintf(&what, format, arguments);
    va_end(arguments);
    if (length < 0) {
        loader->failure = -ENOMEM;
        return;
    }
    length = line > 0 ? asprintf(&message, "%s:%d: %s", loader->path, line, what)
                      : asprintf(&message, "%s: %s", loader->path, what);
    free(what);
    if (length < 0) {
        loader->failure = -ENOMEM;
        return;
    }
    loader->report(message, loader->context);
    free(message);
}

/* ---- sections ---- */

static int rule_line(const struct loader *loader, const char *key)
{
    return loader->rule_lines[config_table_find(NULL, key) - config_rule_settings];
}

/* What can be said about a rule only when all of it was read. */
static void leave_rule(struct loader *loader)
{
    struct config_rule *rule = loader->rule;
    if (rule == NULL)
        return;
    rule->match_line = rule_line(loader, "match");
    if (rule->match_line == 0 && !loader->rule_doubtful)
        mistake(loader, rule->line,
                "[%s] match: missing; every rule needs match = PATTERN of series names",
                loader->section);
    if (rule->mode == CONFIG_MODE_GROW && rule_line(loader, "capacity") != 0)
        mistake(loader, rule_line(loader, "capacity"),
                "[%s] capacity: a growing series has none; use mode = ring or leave it out",
                loader->section);
    if (rule->mode == CONFIG_MODE_GROW && rule->preallocate)
        mistake(loader, rule_line(loader, "preallocate"),
                "[%s] preallocate: a growing series has no size to allocate; use mode = ring or "
                "leave it out",
                loader->section);
    loader->rule = NULL;
}

static void enter_rule(struct loader *loader, const char *label)
{
    int line = loader->lines.number;
    const struct config_rule *first = config_rule_find(loader->config, label);
    const char *fault = config_label_fault(label);
    if (fault != NULL)
        mistake(loader, line, "[%s] %s", loader->section, fault);
    else if (first != NULL)
        mistake(loader, line, "[%s] appears twice, first on line %d; rename one of them",
                loader->section, first->line);

    int result = config_rule_add(loader->config, label, line, &loader->rule);
    if (result == -E2BIG) {
        mistake(loader, line, "[%s] is above the %u rules that there may be; join some",
                loader->section, CONFIG_RULE_MAX);
        loader->place = PLACE_UNKNOWN;
        return;
    }
    if (result < 0)
        loader->failure = result;
    loader->place = loader->rule != NULL ? PLACE_RULE : PLACE_UNKNOWN;
    loader->rule_doubtful = false;
    memset(loader->rule_lines, 0, sizeof loader->rule_lines);
}

static void enter_known(struct loader *loader)
{
    int line = loader->lines.number;
    for (size_t i = 0; i < CONFIG_SETTING_COUNT; i++) {
        if (strcmp(config_settings[i].section, loader->section) != 0)
            continue;
        if (loader->section_lines[i] != 0) {
            mistake(loader, line, "[%s] appears twice, first on line %d; join the two",
                    loader->section, loader->section_lines[i]);
            break;
        }
        loader->section_lines[i] = line;
    }
    loader->place = PLACE_SECTION;
}

static void enter_section(struct loader *loader, const char *name)
{
    leave_rule(loader);
    snprintf(loader->section, sizeof loader->section, "%s", name);
    if (strncmp(name, RULE_PREFIX, strlen(RULE_PREFIX)) == 0) {
        enter_rule(loader, name + strlen(RULE_PREFIX));
    } else if (config_table_is_section(name)) {
        enter_known(loader);
    } else {
        char suggestion[SUGGESTION_BYTES];
        config_table_suggest_section(name, suggestion, sizeof suggestion);
        mistake(loader, loader->lines.number, "[%s] unknown section; %s", name, suggestion);
        loader->place = PLACE_UNKNOWN;
    }
}

/* ---- settings ---- */

static void refuse_key(struct loader *loader, const char *section, const char *key)
{
    char suggestion[SUGGESTION_BYTES];
    config_table_suggest_key(section, key, suggestion, sizeof suggestion);
    mistake(loader, loader->lines.number, "[%s] %s: unknown key; %s", loader->section, key,
            suggestion);
}

static void refuse_value(struct loader *loader, const struct config_setting *setting,
                         const char *value, const char *fault)
{
    int line = loader->lines.number;
    const char *hint = strstr(value, " #") != NULL || strstr(value, "\t#") != NULL
                           ? " (behind a value a comment begins with ' ;')"
                           : "";
    if (*value == '\0')
        mistake(loader, line, "[%s] %s: has no value; give %s", loader->section, setting->key,
                setting->expected);
    else
        mistake(loader, line, "[%s] %s: \"%s\" %s; give %s%s", loader->section, setting->key, value,
                fault, setting->expected, hint);
}

static void take_setting(struct loader *loader, const char *key, const char *value)
{
    int line = loader->lines.number;
    if (loader->place == PLACE_UNKNOWN)
        return; /* its section was reported */
    if (loader->place == PLACE_START) {
        mistake(loader, line, "%s: stands before the first section; begin with a [section]", key);
        return;
    }

    bool in_rule = loader->place == PLACE_RULE;
    const char *section = in_rule ? NULL : loader->section;
    const struct config_setting *setting = config_table_find(section, key);
    if (setting == NULL) {
        refuse_key(loader, section, key);
        return;
    }
    int *given = in_rule ? &loader->rule_lines[setting - config_rule_settings]
                         : &loader->setting_lines[setting - config_settings];
    if (*given != 0) {
        mistake(loader, line, "[%s] %s: given twice, first on line %d; leave one out",
                loader->section, key, *given);
        return;
    }
    *given = line;

    const char *fault = NULL;
    void *base = in_rule ? (void *)loader->rule : (void *)loader->config;
    int result = setting->kind->parse(setting, value, base, &fault);
    if (result == -EINVAL)
        refuse_value(loader, setting, value, fault);
    else if (result < 0)
        loader->failure = result;
}

/* ---- inih's two callbacks ---- */

/* A line that inih must not see; its key is named where it has one. */
static void refuse_line(struct loader *loader, const char *text, const char *fault)
{
    text += strspn(text, " \t");
    if (*text == '[') {
        leave_rule(loader);
        loader->place = PLACE_UNKNOWN; /* whose keys follow is not known */
        mistake(loader, loader->lines.number, "the line %s", fault);
        return;
    }
    loader->rule_doubtful = true;
    if (loader->place == PLACE_UNKNOWN)
        return;
    size_t key_bytes = strspn(text, "abcdefghijklmnopqrstuvwxyz_");
    bool has_key = key_bytes > 0 && text[key_bytes + strspn(text + key_bytes, " \t")] == '=';
    const char *open = loader->place == PLACE_START ? "" : "[";
    const char *close = loader->place == PLACE_START ? "" : "] ";
    mistake(loader, loader->lines.number, "%s%s%s%.*s%sthe line %s", open, loader->section, close,
            has_key ? (int)key_bytes : 0, text, has_key ? ": " : "", fault);
}

/* Each call gives one physical line, so inih's count of lines is ours; a line that inih has no part
 * in is given as an empty one. */
static char *read_line(char *text, int text_bytes, void *stream)
{
    struct loader *loader = stream;
    const char *fault = NULL;
    if (loader->failure < 0 || text_bytes < 2)
        return NULL;
    /* Since its release 57 inih asks, into a smaller buffer, for the rest of a line that fills its
     * own, to throw it away. There is none: what is longer was refused. */
    if (loader->buffer_bytes == 0)
        loader->buffer_bytes = text_bytes;
    if (text_bytes < loader->buffer_bytes)
        return NULL;
    int line = config_lines_next(&loader->lines, text, (size_t)text_bytes, &fault);
    if (line < 0)
        loader->failure = line;
    if (line <= 0)
        return NULL;
    if (line == CONFIG_LINE_FAULT)
        refuse_line(loader, text, fault);
    if (line == CONFIG_LINE_SECTION)
        enter_section(loader, text);
    if (line != CONFIG_LINE_SETTING)
        *text = '\0';
    return text;
}

/* inih's own idea of the section is not used: it knows of none, since only settings are given to
 * it. */
#if INI_HANDLER_LINENO
static int take_pair(void *user, const char *section, const char *name, const char *value, int line)
{
    (void)line;
#else
static int take_pair(void *user, const char *section, const char *name, const char *value)
{
#endif
    (void)section;
    if (name != NULL)
        take_setting(user, name, value != NULL ? value : "");
    return 1;
}

static int setting_line(const struct loader *loader, const char *section, const char *key)
{
    return loader->setting_lines[config_table_find(section, key) - config_settings];
}

/* Without authentication an endpoint that others can reach is a choice to be made in words. */
static void check_reach(struct loader *loader, const char *key, char *const *endpoints,
                        size_t endpoint_count)
{
    bool is_open = loader->config->security_mode == CONFIG_SECURITY_NONE;
    for (size_t i = 0; i < endpoint_count && is_open && !loader->config->insecure; i++)
        if (!endpoint_is_local(endpoints[i]))
            mistake(loader, setting_line(loader, "listen", key),
                    "[listen] %s: \"%s\" can be reached from other machines, and nothing tells who "
                    "writes; give a loopback address or an ipc path, or mode = curve in "
                    "[security], or insecure = yes there for a network that you trust",
                    key, endpoints[i]);
}

/* CURVE without its keys would be a door without a lock. */
static void check_keys(struct loader *loader)
{
    struct config *config = loader->config;
    int line = setting_line(loader, "security", "mode");
    config->server_key_line = setting_line(loader, "security", "server_key_file");
    config->clients_line = setting_line(loader, "security", "clients_dir");
    if (config->security_mode != CONFIG_SECURITY_CURVE)
        return;
    if (config->server_key_file == NULL)
        mistake(loader, line,
                "[security] server_key_file: missing; mode = curve needs the daemon's own "
                "certificate: make one with ingestd --keygen FILE");
    if (config->clients_dir == NULL)
        mistake(loader, line,
                "[security] clients_dir: missing; mode = curve needs a folder with a certificate "
                "of each gateway that may write");
}

static void check_whole(struct loader *loader)
{
    const struct config *config = loader->config;
    check_reach(loader, "router", config->router, config->router_count);
    check_reach(loader, "pull", config->pull, config->pull_count);
    check_keys(loader);
    if (config->router_count + config->pull_count == 0) {
        const struct config_setting *router = config_table_find("listen", "router");
        mistake(loader, setting_line(loader, "listen", "router"),
                "[listen] router: is empty, and so is pull: nothing could be received; give %s",
                router->expected);
    }
    for (size_t i = 0; i < config->router_count; i++)
        for (size_t j = 0; j < config->pull_count; j++)
            if (strcmp(config->router[i], config->pull[j]) == 0)
                mistake(loader, setting_line(loader, "listen", "pull"),
                        "[listen] pull: \"%s\" is an endpoint of router too; give each its own",
                        config->pull[j]);
}

static int load_stream(struct loader *loader)
{
    int result = config_defaults(&loader->config);
    if (result < 0)
        return result;
    int bad_line = ini_parse_stream(read_line, loader, take_pair, loader);
    if (loader->failure == 0 && bad_line < 0)
        loader->failure = -ENOMEM;
    if (loader->failure == 0 && bad_line > 0 && loader->mistakes == 0)
        mistake(loader, bad_line, "the line is not of the form key = value");
    leave_rule(loader);
    if (loader->failure == 0)
        check_whole(loader);
    if (loader->failure < 0) {
        char buffer[128];
        mistake(loader, 0, "cannot be read: %s",
                strerror_r(-loader->failure, buffer, sizeof buffer));
        return loader->failure;
    }
    return loader->mistakes > 0 ? -EINVAL : 0;
}

static int open_failed(struct loader *loader, int error)
{
    char buffer[128];
    mistake(loader, 0, "cannot be opened: %s", strerror_r(error, buffer, sizeof buffer));
    return error > 0 ? -error : -EIO;
}

static int open_file(struct loader *loader)
{
    struct stat status;
    /* Not waiting for a FIFO's other end, which may never come. */
    int fd = open(loader->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return open_failed(loader, errno);
    if (fstat(fd, &status) == 0 && S_ISFIFO(status.st_mode)) {
        close(fd);
        mistake(loader, 0, "is a pipe, and has to be a file that can be read again");
        return -EINVAL;
    }
    loader->lines.file = fdopen(fd, "r");
    if (loader->lines.file != NULL)
        return 0;
    int result = open_failed(loader, errno);
    close(fd);
    return result;
}

int config_load(const char *path, config_report *report, void *context, struct config **ret_config)
{
    struct loader loader = {.path = path, .report = report, .context = context};
    int result = open_file(&loader);
    if (result < 0)
        return result;
    result = load_stream(&loader);
    fclose(loader.lines.file);
    if (result < 0)
        config_free(loader.config);
    else
        *ret_config = loader.config;
    return result;
}
