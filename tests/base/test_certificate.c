/* Certificates: what czmq and pyzmq write is read, every mistake is named with its line, files that
 * others can reach are refused, and new ones overwrite nothing. */
#include "certificate.h"
#include "cmocka_tests.h"
#include "temporary_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define PUBLIC "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7"
#define SECRET "D:)Q[IlAW!ahhC2ac:9*A}h:p?([4%wOTJ%JR%cs"

static struct certificate parse_good(const char *text)
{
    struct certificate certificate;
    struct error_text error = {.text = ""};
    if (certificate_parse("x", text, strlen(text), &certificate, &error) != 0)
        fail_msg("%s\n%s", error.text, text);
    return certificate;
}

static void parse_bad(const char *text, const char *expected)
{
    struct certificate certificate = {.metadata_count = 77};
    struct error_text error = {.text = ""};
    assert_int_equal(certificate_parse("x", text, strlen(text), &certificate, &error), -EINVAL);
    if (strncmp(error.text, expected, strlen(expected)) != 0)
        fail_msg("'%s' is not '%s...'", error.text, expected);
    assert_int_equal(certificate.metadata_count, 77);
}

static void test_czmq(void **state)
{
    (void)state;
    struct certificate certificate =
        parse_good("#   ****  Generated on 2024-05-01 12:00:00 by CZMQ  ****\n"
                   "#   ZeroMQ CURVE **Secret** Certificate\n"
                   "\n"
                   "metadata\n"
                   "    name = \"pump 7\"\n"
                   "    write = 'plant1/** lab/*'  # a comment\n"
                   "curve\n"
                   "    public-key = \"" PUBLIC "\"\n"
                   "    secret-key = \"" SECRET "\"\n");
    char text[CURVE_KEY_TEXT_BYTES + 1];
    curve_key_encode(certificate.public_key, text);
    assert_string_equal(text, PUBLIC);
    assert_true(certificate.has_secret_key);
    assert_int_equal(certificate.secret_line, 9);
    curve_key_encode(certificate.secret_key, text);
    assert_string_equal(text, SECRET);
    assert_int_equal(certificate.metadata_count, 2);
    assert_string_equal(certificate_find(&certificate, "name")->value, "pump 7");
    const struct certificate_entry *write = certificate_find(&certificate, "write");
    assert_string_equal(write->value, "plant1/** lab/*");
    assert_int_equal(write->line, 6);
    assert_null(certificate_find(&certificate, "email"));
    certificate_clear(&certificate);
    assert_null(certificate.metadata);
    assert_int_equal(certificate.secret_key[0], 0);
}

/* pyzmq writes metadata without quotes; Windows ends its lines with two characters. */
static void test_pyzmq_and_others(void **state)
{
    (void)state;
    struct certificate certificate =
        parse_good("\r\nmetadata\r\n    write = a/* b # comment\r\n\tnothing =\r\n   x=\"#'\"\r\n"
                   "curve # the key\r\n  public-key='" PUBLIC "' #\r\n");
    assert_false(certificate.has_secret_key);
    assert_string_equal(certificate_find(&certificate, "write")->value, "a/* b");
    assert_string_equal(certificate_find(&certificate, "nothing")->value, "");
    assert_string_equal(certificate_find(&certificate, "x")->value, "#'");
    certificate_clear(&certificate);
    certificate = parse_good("curve\n    public-key = \"" PUBLIC "\"");
    assert_int_equal(certificate.metadata_count, 0);
    certificate_clear(&certificate);
}

static void test_mistakes(void **state)
{
    (void)state;
    parse_bad("", "x: has no public key: ");
    parse_bad("metadata\n    a = b\ncurve\n", "x: has no public key: ");
    parse_bad("curve\n    secret-key = \"" SECRET "\"\n", "x: has no public key: ");
    parse_bad("\n    a = b\n", "x:2: an entry before the first section; ");
    parse_bad("metdata\n", "x:1: no section of a certificate: ");
    parse_bad("metadata x\n", "x:1: no section of a certificate: ");
    parse_bad("curve\npublic-key = \"" PUBLIC "\"\n", "x:2: no section of a certificate: ");
    parse_bad("curve\n    public-key\n", "x:2: not of the form: ");
    parse_bad("curve\n    = x\n", "x:2: not of the form: ");
    parse_bad("metadata\n    a b = x\n", "x:2: not of the form: ");
    parse_bad("curve\n    private-key = \"" SECRET "\"\n",
              "x:2: an entry of curve that is neither ");
    parse_bad("curve\n    public-key = \"" PUBLIC "x\"\n", "x:2: a key that is not 40 ");
    parse_bad("curve\n    public-key = \"\"\n", "x:2: a key that is not 40 ");
    parse_bad("curve\n    public-key =\n", "x:2: a key that is not 40 ");
    /* Without its quotes a '#' in a key begins a comment. */
    parse_bad("curve\n    public-key = aaaaaaaaaaaaaaaaaaa#aaaaaaaaaaaaaaaaaaaa\n",
              "x:2: a key that is not 40 ");
    parse_bad("curve\n    public-key = \"" PUBLIC "\n", "x:2: a quote that is not closed");
    parse_bad("curve\n    public-key = \"" PUBLIC "\" x\n",
              "x:2: something behind the closing quote");
    parse_bad("curve\n    public-key = \"" PUBLIC "\"\n    public-key = \"" PUBLIC "\"\n",
              "x:3: a key that was given before; ");
    parse_bad("metadata\n    a = 1\n    a = 2\n",
              "x:3: an entry of metadata that was given before; ");
    parse_bad("metadata\n    a = \001\n", "x:2: a control character; ");

    char text[64 * 20];
    size_t used = (size_t)snprintf(text, sizeof text, "metadata\n");
    for (int i = 0; i <= CERTIFICATE_METADATA_MAX; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, " a%d = x\n", i);
    parse_bad(text, "x:66: more than 64 entries ");
}

static char *write_file(const char *folder, const char *name, const char *text, mode_t mode)
{
    char *path = NULL;
    if (asprintf(&path, "%s/%s", folder, name) < 0)
        abort();
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    assert_int_equal(fchmod(fd, mode), 0);
    close(fd);
    return path;
}

static void read_bad(const char *path, int code, const char *expected)
{
    struct certificate certificate;
    struct error_text error = {.text = ""};
    assert_int_equal(certificate_read(path, &certificate, &error), code);
    if (strstr(error.text, expected) == NULL || strstr(error.text, path) == NULL)
        fail_msg("%s", error.text);
}

static void test_files_that_others_reach(void **state)
{
    const char *folder = *state;
    static const char public_text[] = "curve\n    public-key = \"" PUBLIC "\"\n";
    static const char secret_text[] =
        "curve\n    public-key = \"" PUBLIC "\"\n    secret-key = \"" SECRET "\"\n";
    static const struct {
        const char *text;
        mode_t mode;
        int code;
        const char *expected;
    } files[] = {
        {public_text, 0644, 0, ""},
        {public_text, 0664, 0, ""},
        {public_text, 0666, -EPERM, "chmod o-w "},
        {secret_text, 0600, 0, ""},
        {secret_text, 0440, 0, ""},
        {secret_text, 0604, -EPERM, "chmod 600 "},
        {secret_text, 0620, -EPERM, "chmod 600 "},
        {secret_text, 0601, -EPERM, "chmod 600 "},
    };
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        char *path = write_file(folder, "f", files[i].text, files[i].mode);
        struct certificate certificate;
        struct error_text error = {.text = ""};
        if (files[i].code != 0) {
            read_bad(path, files[i].code, files[i].expected);
        } else {
            assert_int_equal(certificate_read(path, &certificate, &error), 0);
            certificate_clear(&certificate);
        }
        unlink(path);
        free(path);
    }
    char *path = write_file(folder, "g", "", 0600);
    read_bad(path, -EINVAL, "has no public key");
    unlink(path);
    read_bad(path, -ENOENT, "No such file");
    assert_int_equal(mkfifo(path, 0600), 0);
    read_bad(path, -EINVAL, "not a file");
    free(path);
    read_bad(folder, -EINVAL, "not a file");

    char *long_text = malloc(CERTIFICATE_FILE_BYTES_MAX + 2);
    memset(long_text, '\n', CERTIFICATE_FILE_BYTES_MAX + 1);
    long_text[CERTIFICATE_FILE_BYTES_MAX + 1] = '\0';
    path = write_file(folder, "h", long_text, 0600);
    read_bad(path, -EINVAL, "longer than 64 KiB");
    free(long_text);
    free(path);
}

static void expect_files(const char *public_file, const char *secret_file, const uint8_t *keys)
{
    struct stat status;
    struct certificate certificate;
    struct error_text error = {.text = ""};
    assert_int_equal(stat(secret_file, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
    assert_int_equal(stat(public_file, &status), 0);
    assert_int_equal(status.st_mode & 0022, 0);
    assert_int_equal(certificate_read(public_file, &certificate, &error), 0);
    assert_memory_equal(certificate.public_key, keys, CURVE_KEY_BYTES);
    assert_false(certificate.has_secret_key);
    certificate_clear(&certificate);
    /* The secret one is found by either name. */
    for (int i = 0; i < 2; i++) {
        assert_int_equal(
            certificate_read_secret(i == 0 ? public_file : secret_file, &certificate, &error), 0);
        assert_memory_equal(certificate.public_key, keys, CURVE_KEY_BYTES);
        assert_memory_equal(certificate.secret_key, keys + CURVE_KEY_BYTES, CURVE_KEY_BYTES);
        certificate_clear(&certificate);
    }
}

static void test_new_files(void **state)
{
    const char *folder = *state;
    uint8_t keys[2 * CURVE_KEY_BYTES];
    for (size_t i = 0; i < sizeof keys; i++)
        keys[i] = (uint8_t)(i * 7);
    char path[256], public_file[256], secret_file[256];
    snprintf(public_file, sizeof public_file, "%s/a.key", folder);
    snprintf(secret_file, sizeof secret_file, "%s/a.key_secret", folder);
    struct error_text error = {.text = ""};
    struct certificate certificate;

    /* Nothing is overwritten, and nothing is left of what was begun. */
    for (int i = 0; i < 2; i++) {
        free(write_file(folder, i == 0 ? "a.key" : "a.key_secret", "mine", 0600));
        assert_int_equal(certificate_create(public_file, keys, keys + CURVE_KEY_BYTES, &error),
                         -EEXIST);
        assert_non_null(strstr(error.text, "never overwritten"));
        struct stat status;
        assert_int_equal(stat(i == 0 ? public_file : secret_file, &status), 0);
        assert_int_equal(status.st_size, 4);
        assert_int_equal(access(i == 0 ? secret_file : public_file, F_OK), -1);
        unlink(i == 0 ? public_file : secret_file);
    }
    assert_int_equal(certificate_create(public_file, keys, keys + CURVE_KEY_BYTES, &error), 0);
    expect_files(public_file, secret_file, keys);
    unlink(public_file);
    unlink(secret_file);
    /* Either name makes the same two files. */
    assert_int_equal(certificate_create(secret_file, keys, keys + CURVE_KEY_BYTES, &error), 0);
    expect_files(public_file, secret_file, keys);

    unlink(secret_file);
    assert_int_equal(certificate_read_secret(public_file, &certificate, &error), -EINVAL);
    assert_non_null(strstr(error.text, "holds no secret key"));
    snprintf(path, sizeof path, "%s/none/a.key", folder);
    assert_int_equal(certificate_create(path, keys, keys + CURVE_KEY_BYTES, &error), -ENOENT);
}

static int make_folder(void **state)
{
    *state = temporary_folder_make();
    return 0;
}

static int remove_folder(void **state)
{
    temporary_folder_remove(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_czmq),
        cmocka_unit_test(test_pyzmq_and_others),
        cmocka_unit_test(test_mistakes),
        cmocka_unit_test_setup_teardown(test_files_that_others_reach, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_new_files, make_folder, remove_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
