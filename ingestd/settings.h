/* settings.h - from the command line and the file to a configuration that holds. */
#ifndef INGEST_SETTINGS_H
#define INGEST_SETTINGS_H

#include "config.h"
#include "options.h"
#include "store.h"

/* The file that --config names, else the default one. */
const char *settings_path(const struct options *options);

/* Loads and checks it; --store goes before the file's path. Every mistake is logged. 0, or the exit
 * code that says what kind of mistake it was. Without --config the default file need not be there.
 */
int settings_load(const struct options *options, struct config **ret_config);

/* Logs one mistake; a config_report. */
void settings_report_error(const char *message, void *context);

/* The limits that a configuration sets for the store in that folder, whichever it names itself. A
 * share of the file system is that of the folder, or of the one that it will be made in. */
int settings_store_limits(const struct config *config, const char *store_path,
                          struct store_limits *ret_limits, struct error_text *error);

/* Logs why a store could not be opened; returns the exit code. */
int settings_store_failed(int result, const struct error_text *error);

/* Opens the store that the configuration names. 0, or an exit code, and then the reason was logged.
 */
int settings_open_store(const struct config *config, struct store **ret_store);

#endif
