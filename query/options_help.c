#include "query_options.h"

#include <string.h>

static const char range_help[] =
    "\nA time T is RFC 3339, YYYY-MM-DD[ HH:MM[:SS]] or HH:MM in the local zone (--utc), now,\n"
    "today, yesterday, @unix.fraction, or -10m. Units: ns us ms s m h d w. The range is cut\n"
    "first; windows lie inside it.\n";

static void program_help(FILE *file)
{
    fputs("Usage: " PROGRAM " [--store DIR] COMMAND [ARGUMENT...] [OPTION...]\n\n"
          "Reads the series of an ingestd store, also while the daemon writes them.\n\nCommands:\n",
          file);
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        const struct command_rule *rule = &command_rules[i];
        fprintf(file, "  %-9s %-24s %s\n", rule->name, rule->arguments, rule->summary);
    }
    fputs("\nS is the name of a series or a glob: * and ? stay within a segment, ** crosses.\n"
          "stats, resample, rolling, dump and plot also take --file FILE: any .npy or raw array.\n"
          "Options stand on either side of the command; `" PROGRAM " COMMAND --help` lists its.\n"
          "Exit: 0; 1 failed while working; 64 usage, 65 damaged files, 66 no such series,\n"
          "      73 no place for a backup, 75 recovery is due.\n",
          file);
}

void options_help(FILE *file, enum query_command command)
{
    if (command == COMMAND_NONE) {
        program_help(file);
        return;
    }
    const struct command_rule *rule = &command_rules[command];
    fprintf(file, "Usage: " PROGRAM " %s %s [OPTION...]\n\n%s %s.\n%s%s\nOptions:\n", rule->name,
            rule->arguments, command == COMMAND_BACKUP ? "Makes" : "Prints", rule->summary,
            rule->help[0] != '\0' ? "\n" : "", rule->help);
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        const struct option_rule *option = &option_rules[i];
        if ((option->commands & 1U << command) == 0)
            continue;
        char left[64];
        snprintf(left, sizeof left, "%c%c%s--%s%s%s", option->letter ? '-' : ' ',
                 option->letter ? option->letter : ' ', option->letter ? ", " : "  ", option->name,
                 option->argument != NULL ? " " : "",
                 option->argument != NULL ? option->argument : "");
        fprintf(file, "  %-26s %s\n", left, option->help);
    }
    if ((option_rules[OPTION_FROM].commands & 1U << command) != 0)
        fputs(range_help, file);
}
