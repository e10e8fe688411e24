#include "clients.h"

#include "certificate.h"
#include "printable.h"
#include "series_name.h"

#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define BLANKS     " \t"
#define NAME_BYTES 128

const struct client client_anyone = {.key = "", .may_write_all = true};

struct clients {
    char *folder;
    struct client *clients; /* sorted by key */
    size_t count;
    size_t capacity;
};

/* What loading a folder needs besides its result. */
struct loading {
    struct clients *clients;
    config_report *report;
    void *context;
    size_t mistakes;
};

bool client_may_write(const struct client *client, const char *name, size_t name_bytes)
{
    if (client->may_write_all)
        return true;
    for (size_t i = 0; i < client->pattern_count; i++)
        if (series_glob_match(client->patterns[i], name, name_bytes))
            return true;
    return false;
}

static void client_release(struct client *client)
{
    for (size_t i = 0; i < client->pattern_count; i++)
        free(client->patterns[i]);
    free(client->patterns);
    free(client->name);
}

void clients_free(struct clients *clients)
{
    if (clients == NULL)
        return;
    for (size_t i = 0; i < clients->count; i++)
        client_release(&clients->clients[i]);
    free(clients->clients);
    free(clients->folder);
    free(clients);
}

const char *clients_folder(const struct clients *clients)
{
    return clients->folder;
}

size_t clients_count(const struct clients *clients)
{
    return clients->count;
}

const struct client *clients_at(const struct clients *clients, size_t index)
{
    return &clients->clients[index];
}

static int client_compare(const void *left, const void *right)
{
    const struct client *a = left;
    const struct client *b = right;
    return strcmp(a->key, b->key);
}

static int client_compare_key(const void *key, const void *client)
{
    return strcmp(key, ((const struct client *)client)->key);
}

const struct client *clients_find(const struct clients *clients, const char *key)
{
    if (clients->count == 0)
        return NULL;
    return bsearch(key, clients->clients, clients->count, sizeof *clients->clients,
                   client_compare_key);
}

/* ---- one certificate ---- */

__attribute__((format(printf, 2, 3))) static void loading_mistake(struct loading *loading,
                                                                  const char *format, ...)
{
    char message[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    loading->report(message, loading->context);
    loading->mistakes++;
}

/* Words of `write` into the client's patterns. -ENOMEM. */
static int client_take_patterns(struct loading *loading, struct client *client, const char *path,
                                const struct certificate_entry *entry)
{
    char *rest = NULL;
    char *words = strdup(entry->value);
    /* A word and its blank are two characters at least. */
    client->patterns = calloc(strlen(entry->value) / 2 + 1, sizeof *client->patterns);
    int result = words != NULL && client->patterns != NULL ? 0 : -ENOMEM;
    for (char *word = result == 0 ? strtok_r(words, BLANKS, &rest) : NULL; word != NULL;
         word = strtok_r(NULL, BLANKS, &rest)) {
        const char *fault = series_glob_fault(word);
        if (fault != NULL) {
            loading_mistake(loading, "%s:%u: write: '%s' can match no name: %s", path, entry->line,
                            word, fault);
            continue;
        }
        char *pattern = strdup(word);
        if (pattern == NULL) {
            result = -ENOMEM;
            break;
        }
        client->patterns[client->pattern_count++] = pattern;
    }
    free(words);
    return result;
}

static int client_take(struct loading *loading, struct client *client, const char *path,
                       const struct certificate *certificate)
{
    curve_key_encode(certificate->public_key, client->key);
    if (certificate->has_secret_key)
        loading_mistake(loading,
                        "%s:%u: a secret key, which belongs to the gateway alone; put its public "
                        "certificate here",
                        path, certificate->secret_line);
    const struct certificate_entry *revoked = certificate_find(certificate, "revoked");
    client->is_revoked = revoked != NULL && strcmp(revoked->value, "yes") == 0;
    if (revoked != NULL && !client->is_revoked && strcmp(revoked->value, "no") != 0)
        loading_mistake(loading, "%s:%u: revoked: \"%s\" is neither yes nor no", path,
                        revoked->line, revoked->value);
    const struct certificate_entry *write = certificate_find(certificate, "write");
    return write != NULL ? client_take_patterns(loading, client, path, write) : 0;
}

/* The file's name as it is shown in messages. */
static char *client_name(const char *file)
{
    static const char suffix[] = ".key";
    char name[NAME_BYTES];
    size_t bytes = strlen(file);
    size_t suffix_bytes = sizeof suffix - 1;
    if (bytes > suffix_bytes && strcmp(file + bytes - suffix_bytes, suffix) == 0)
        bytes -= suffix_bytes;
    return strdup(printable_copy(name, sizeof name, file, bytes));
}

static int clients_make_room(struct clients *clients)
{
    if (clients->count < clients->capacity)
        return 0;
    size_t capacity = clients->capacity == 0 ? 64 : clients->capacity * 2;
    struct client *grown = realloc(clients->clients, capacity * sizeof *grown);
    if (grown == NULL)
        return -ENOMEM;
    clients->clients = grown;
    clients->capacity = capacity;
    return 0;
}

static int clients_add(struct loading *loading, const char *file, const char *path)
{
    struct clients *clients = loading->clients;
    struct certificate certificate;
    struct error_text error = {.text = ""};
    struct stat status;
    if (stat(path, &status) == 0 && S_ISDIR(status.st_mode))
        return 0;
    int result = certificate_read(path, &certificate, &error);
    if (result < 0) {
        loading_mistake(loading, "%s", error.text);
        return result == -ENOMEM ? result : 0;
    }
    struct client client = {.name = client_name(file)};
    result = client.name != NULL ? clients_make_room(clients) : -ENOMEM;
    if (result == 0)
        result = client_take(loading, &client, path, &certificate);
    certificate_clear(&certificate);
    if (result < 0)
        client_release(&client);
    else
        clients->clients[clients->count++] = client;
    return result;
}

/* ---- the folder ---- */

/* What editors and czmq keep beside certificates. A copy under such a name opens no door. */
static bool clients_skips(const char *file)
{
    static const char secret[] = CERTIFICATE_SECRET_SUFFIX;
    size_t bytes = strlen(file);
    size_t secret_bytes = sizeof secret - 1;
    return file[0] == '.' || file[bytes - 1] == '~' ||
           (bytes > secret_bytes && strcmp(file + bytes - secret_bytes, secret) == 0);
}

static int clients_read_folder(struct loading *loading, DIR *folder)
{
    struct clients *clients = loading->clients;
    struct stat status;
    if (fstat(dirfd(folder), &status) == 0 && (status.st_mode & S_IWOTH) != 0)
        loading_mistake(loading, "%s: others may put certificates there; chmod o-w %s",
                        clients->folder, clients->folder);
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(folder);
        if (entry == NULL)
            return -errno;
        if (clients_skips(entry->d_name))
            continue;
        if (clients->count == CLIENTS_MAX) {
            loading_mistake(loading, "%s: more than %d certificates", clients->folder, CLIENTS_MAX);
            return 0;
        }
        char *path = NULL;
        if (asprintf(&path, "%s/%s", clients->folder, entry->d_name) < 0)
            return -ENOMEM;
        int result = clients_add(loading, entry->d_name, path);
        free(path);
        if (result < 0)
            return result;
    }
}

/* Two files with one key would say two things about one gateway. */
static void clients_sort(struct loading *loading)
{
    struct clients *clients = loading->clients;
    if (clients->count == 0)
        return;
    qsort(clients->clients, clients->count, sizeof *clients->clients, client_compare);
    for (size_t i = 1; i < clients->count; i++)
        if (strcmp(clients->clients[i - 1].key, clients->clients[i].key) == 0)
            loading_mistake(loading, "%s: %s and %s have the same key; leave one out",
                            clients->folder, clients->clients[i - 1].name,
                            clients->clients[i].name);
}

int clients_load(const char *folder, config_report *report, void *context,
                 struct clients **ret_clients, struct error_text *error)
{
    struct loading loading = {.report = report, .context = context};
    DIR *stream = NULL;
    int result = -ENOMEM;
    loading.clients = calloc(1, sizeof *loading.clients);
    if (loading.clients == NULL)
        goto done;
    loading.clients->folder = strdup(folder);
    if (loading.clients->folder == NULL)
        goto done;
    stream = opendir(folder);
    result = stream != NULL ? clients_read_folder(&loading, stream) : -errno;
    if (result == 0)
        clients_sort(&loading);

done:
    if (stream != NULL)
        closedir(stream);
    if (result < 0)
        error_set_errno(error, result, "%s", folder);
    else if (loading.mistakes > 0)
        result = -EINVAL;
    if (result < 0)
        clients_free(loading.clients);
    else
        *ret_clients = loading.clients;
    return result;
}
