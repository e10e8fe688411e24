#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <stddef.h>

enum {
    OPTION_CONFIG = 256,
    OPTION_STORE,
    OPTION_CHECK,
    OPTION_KEYGEN,
    OPTION_DELETE,
    OPTION_RENAME,
    OPTION_REPAIR,
    OPTION_VERSION,
    OPTION_HELP
};

static const struct option option_table[] = {
    {"config", required_argument, NULL, OPTION_CONFIG},
    {"store", required_argument, NULL, OPTION_STORE},
    {"check-config", no_argument, NULL, OPTION_CHECK},
    {"keygen", required_argument, NULL, OPTION_KEYGEN},
    {"delete", required_argument, NULL, OPTION_DELETE},
    {"rename", required_argument, NULL, OPTION_RENAME},
    {"repair", no_argument, NULL, OPTION_REPAIR},
    {"version", no_argument, NULL, OPTION_VERSION},
    {"help", no_argument, NULL, OPTION_HELP},
    {NULL, 0, NULL, 0},
};

const char *options_help(void)
{
    return "Usage: ingestd [OPTION]...\n"
           "Receives samples over ZeroMQ and stores them in memory-mapped NumPy arrays.\n"
           "\n"
           "  --config FILE    configuration (default /etc/ingestd/ingestd.ini, if there is one)\n"
           "  --store DIR      the store's folder, instead of the configured one\n"
           "  --check-config   check the configuration and exit: 0 good, 78 not\n"
           "  --keygen FILE    make a key: FILE may be given away, FILE_secret may not\n"
           "  --delete GLOB    delete every series that matches, while no daemon runs\n"
           "  --rename A B     rename series A to B, while no daemon runs\n"
           "  --repair         bring a damaged store to the best state that can be proved\n"
           "  --version        print versions and exit\n"
           "  --help           print this and exit\n"
           "\n"
           "SIGHUP reads the configuration again, SIGTERM stores what has arrived and stops.\n"
           "See ingestd(1) and ingestd.ini(5).\n";
}

static int options_set_action(struct options *options, enum options_action action,
                              struct error_text *error)
{
    if (options->action != OPTIONS_RUN && options->action != action)
        return error_set(error, -EINVAL,
                         "only one of --check-config, --keygen, --delete, --rename and --repair "
                         "can be done at a time");
    options->action = action;
    return 0;
}

/* --rename takes two words; getopt knows only options with one. */
static int options_take_new_name(int argc, char **argv, struct options *options,
                                 struct error_text *error)
{
    if (optind >= argc || argv[optind][0] == '-')
        return error_set(error, -EINVAL, "--rename needs two names: --rename OLD NEW");
    options->new_name = argv[optind++];
    return 0;
}

int options_parse(int argc, char **argv, struct options *ret_options, struct error_text *error)
{
    struct options options = {.action = OPTIONS_RUN};
    int chosen;
    int result = 0;

    opterr = 0;
    optind = 1;
    /* The leading '+' and ':' keep argv in order (for --rename) and tell a missing value from an
     * unknown option. */
    while (result == 0 && (chosen = getopt_long(argc, argv, "+:", option_table, NULL)) != -1) {
        switch (chosen) {
        case OPTION_CONFIG:
            options.config_path = optarg;
            break;
        case OPTION_STORE:
            options.store_path = optarg;
            break;
        case OPTION_CHECK:
            result = options_set_action(&options, OPTIONS_CHECK_CONFIG, error);
            break;
        case OPTION_KEYGEN:
            options.subject = optarg;
            result = options_set_action(&options, OPTIONS_KEYGEN, error);
            break;
        case OPTION_DELETE:
            options.subject = optarg;
            result = options_set_action(&options, OPTIONS_DELETE, error);
            break;
        case OPTION_RENAME:
            options.subject = optarg;
            result = options_set_action(&options, OPTIONS_RENAME, error);
            if (result == 0)
                result = options_take_new_name(argc, argv, &options, error);
            break;
        case OPTION_REPAIR:
            result = options_set_action(&options, OPTIONS_REPAIR, error);
            break;
        case OPTION_VERSION:
        case OPTION_HELP:
            /* These win over everything that follows. */
            options.action = chosen == OPTION_HELP ? OPTIONS_HELP : OPTIONS_VERSION;
            *ret_options = options;
            return 0;
        case ':':
            return error_set(error, -EINVAL, "%s needs a value", argv[optind - 1]);
        default:
            return error_set(error, -EINVAL, "unknown option %s", argv[optind - 1]);
        }
    }
    if (result < 0)
        return result;
    if (optind < argc)
        return error_set(error, -EINVAL, "'%s' is not expected here", argv[optind]);
    if (options.action == OPTIONS_KEYGEN && options.subject[0] == '\0')
        return error_set(error, -EINVAL, "--keygen needs the name of a file");
    if (options.config_path != NULL && options.config_path[0] == '\0')
        return error_set(error, -EINVAL, "--config needs the name of a file");
    if (options.store_path != NULL && options.store_path[0] == '\0')
        return error_set(error, -EINVAL, "--store needs the path of a folder");
    *ret_options = options;
    return 0;
}
