/*
 * The CNI executable. It has no logic: it hands the runtime's environment and standard input to the node agent over a
 * unix socket and prints the answer. Framing (integers are 32 bits, little-endian):
 *
 *   request   length of environment, length of standard input, environment (KEY=VALUE, NUL-terminated: every variable
 *             that starts with CNI_, and CARACAL_PLUGIN, the name that this was started by), standard input
 *   answer    exit code, length of standard output, length of standard error, standard output, standard error
 *
 * The socket and the spool are named by two lines of the file `caracal.path` beside the executable. Without an agent a
 * DEL is written to the spool, in the form of a request, for the agent to carry out later, and succeeds; anything else
 * fails. VERSION is answered here. The agent takes a hang-up as the end of the request: killing this cancels an ADD.
 *
 * For tests, CARACAL_STUB_FAULT names the step (below) after which this ends as if by SIGKILL.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

/* Codes of the CNI specification, section "Error". */
enum { CODE_IO = 5, CODE_DECODING = 6, CODE_TRY_LATER = 11, CODE_NOT_AVAILABLE = 50 };

extern char **environ;

static char socket_path[4096] = "/run/caracal/cni.sock";
static char spool_path[4096] = "/run/caracal/spool";
static char version[16] = "1.1.0";

static const char *fault;

static void reached(const char *step)
{
	if (fault && strcmp(fault, step) == 0)
		raise(SIGKILL);
}

struct bytes {
	char *data;
	size_t length, size;
};

static void append(struct bytes *to, const void *data, size_t length)
{
	if (to->length + length > to->size) {
		to->size = 2 * to->size + length + 4096;
		to->data = realloc(to->data, to->size);
		if (!to->data)
			abort();
	}
	memcpy(to->data + to->length, data, length);
	to->length += length;
}

static int write_all(int fd, const char *data, size_t length)
{
	while (length > 0) {
		ssize_t written = write(fd, data, length);
		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			return -1;
		data += written;
		length -= written;
	}
	return 0;
}

/* Reads until the end, or at most `limit` bytes. */
static int read_all(int fd, struct bytes *to, size_t limit)
{
	char buffer[16384];
	while (to->length < limit) {
		size_t room = limit - to->length;
		ssize_t got = read(fd, buffer, room < sizeof buffer ? room : sizeof buffer);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -1;
		if (got == 0)
			break;
		append(to, buffer, got);
	}
	return 0;
}

/* Prints an error of the specification's form and ends. */
static void fail(int code, const char *format, ...)
{
	char message[9000];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(message, sizeof message, format, arguments);
	va_end(arguments);
	for (char *c = message; *c; c++)
		if (*c == '"' || *c == '\\' || (unsigned char)*c < ' ')
			*c = '?';
	printf("{\"cniVersion\":\"%s\",\"code\":%d,\"msg\":\"%s\"}\n", version, code, message);
	exit(1);
}

/*
 * The version that the configuration asks for, so that an answer given without the agent carries it: the member
 * `cniVersion` of the outermost object, since a `prevResult` has one as well. Returns 0 when there is an input and no
 * version can be read from it.
 */
static int find_version(struct bytes *input)
{
	static const char key[] = "\"cniVersion\"";
	append(input, "", 1);
	input->length--;
	const char *at = input->data + strspn(input->data, " \t\r\n");
	if (!*at)
		return 1;
	if (*at != '{')
		return 0;
	for (int depth = 0; *at; at++) {
		if (*at == '{' || *at == '[')
			depth++;
		else if (*at == '}' || *at == ']')
			depth--;
		else if (*at == '"') {
			unsigned major, minor, patch;
			if (depth == 1 && strncmp(at, key, sizeof key - 1) == 0 &&
			    sscanf(at + sizeof key - 1, " : \"%3u.%3u.%3u\"", &major, &minor, &patch) == 3) {
				snprintf(version, sizeof version, "%u.%u.%u", major, minor, patch);
				return 1;
			}
			for (at++; *at && *at != '"'; at++)
				if (*at == '\\' && at[1])
					at++;
			if (!*at)
				break;
		}
	}
	return 0;
}

static void read_line(FILE *file, char *line, size_t size)
{
	char buffer[4096];
	if (!fgets(buffer, sizeof buffer, file))
		return;
	buffer[strcspn(buffer, "\n")] = 0;
	if (*buffer)
		snprintf(line, size, "%s", buffer);
}

static void read_paths(void)
{
	char path[4096 + 16];
	ssize_t length = readlink("/proc/self/exe", path, 4096);
	if (length <= 0)
		return;
	path[length] = 0;
	strcpy(strrchr(path, '/') + 1, "caracal.path");
	FILE *file = fopen(path, "re");
	if (!file)
		return;
	read_line(file, socket_path, sizeof socket_path);
	read_line(file, spool_path, sizeof spool_path);
	fclose(file);
}

static void build_request(struct bytes *request, const char *plugin, const struct bytes *input)
{
	struct bytes environment = {0};
	for (char **variable = environ; *variable; variable++)
		if (strncmp(*variable, "CNI_", 4) == 0)
			append(&environment, *variable, strlen(*variable) + 1);
	append(&environment, "CARACAL_PLUGIN=", strlen("CARACAL_PLUGIN="));
	append(&environment, plugin, strlen(plugin) + 1);
	uint32_t lengths[2] = {environment.length, input->length};
	append(request, lengths, sizeof lengths);
	append(request, environment.data, environment.length);
	append(request, input->data, input->length);
}

static int connect_agent(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	if (strlen(socket_path) >= sizeof address.sun_path)
		fail(CODE_TRY_LATER, "the path of the agent's socket is too long: %s", socket_path);
	strcpy(address.sun_path, socket_path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) < 0) {
		int error = errno;
		close(fd);
		errno = error;
		return -1;
	}
	return fd;
}

static void fail_spool(const char *temporary)
{
	int error = errno;
	unlink(temporary);
	fail(CODE_IO, "no agent answers at %s, and DEL cannot be left in %s: %s", socket_path, spool_path, strerror(error));
}

/* Leaves a DEL for the agent: the file is whole under its final name, and on the disk, or it does not exist. */
static void spool(const struct bytes *request)
{
	char temporary[4200], final[4200];
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	snprintf(temporary, sizeof temporary, "%s/%010lld.%09ld-%d.tmp", spool_path, (long long)now.tv_sec, now.tv_nsec, getpid());
	snprintf(final, sizeof final, "%s/%010lld.%09ld-%d.del", spool_path, (long long)now.tv_sec, now.tv_nsec, getpid());
	/* The agent makes both folders; before its first start there may be none. */
	char parent[4200];
	snprintf(parent, sizeof parent, "%s", spool_path);
	if (strrchr(parent, '/') > parent) {
		*strrchr(parent, '/') = 0;
		mkdir(parent, 0700);
	}
	mkdir(spool_path, 0700);
	int directory = open(spool_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (directory < 0 || fd < 0)
		fail_spool(temporary);
	reached("spool: file made");
	if (write_all(fd, request->data, request->length) < 0)
		fail_spool(temporary);
	reached("spool: written");
	if (fsync(fd) < 0 || rename(temporary, final) < 0)
		fail_spool(temporary);
	reached("spool: named");
	if (fsync(directory) < 0)
		fail_spool(temporary);
	reached("spool: on the disk");
	exit(0);
}

int main(int argc, char **argv)
{
	const char *plugin = argc > 0 && argv[0] ? argv[0] : "caracal";
	if (strrchr(plugin, '/'))
		plugin = strrchr(plugin, '/') + 1;
	const char *command = getenv("CNI_COMMAND") ? getenv("CNI_COMMAND") : "";
	struct bytes input = {0}, request = {0}, answer = {0};

	fault = getenv("CARACAL_STUB_FAULT");
	signal(SIGPIPE, SIG_IGN);
	reached("started");
	if (read_all(0, &input, 16 << 20) < 0)
		fail(CODE_IO, "cannot read standard input: %s", strerror(errno));
	int has_version = find_version(&input);
	if (strcmp(command, "VERSION") == 0) {
		if (!has_version)
			fail(CODE_DECODING, "standard input is no JSON object with a cniVersion such as \"1.1.0\"");
		printf("{\"cniVersion\":\"%s\",\"supportedVersions\":[\"0.3.0\",\"0.3.1\",\"0.4.0\",\"1.0.0\",\"1.1.0\"]}\n", version);
		return 0;
	}
	read_paths();
	build_request(&request, plugin, &input);

	int is_delete = strcmp(command, "DEL") == 0;
	int missing = strcmp(command, "STATUS") == 0 ? CODE_NOT_AVAILABLE : CODE_TRY_LATER;
	int fd = connect_agent();
	if (fd < 0) {
		if (is_delete)
			spool(&request);
		fail(missing, "no Caracal agent answers at %s: %s", socket_path, strerror(errno));
	}
	reached("connected");
	uint32_t header[3] = {1, 0, 0};
	int sent = write_all(fd, request.data, request.length) == 0;
	reached("sent");
	if (sent && read_all(fd, &answer, sizeof header) == 0 && answer.length == sizeof header) {
		memcpy(header, answer.data, sizeof header);
		answer.length = 0;
		size_t length = (size_t)header[1] + header[2];
		if (read_all(fd, &answer, length) == 0 && answer.length == length) {
			reached("answered");
			if (header[2] > 0)
				write_all(2, answer.data + header[1], header[2]);
			if (write_all(1, answer.data, header[1]) < 0)
				return 1;
			reached("printed");
			return header[0];
		}
	}
	if (is_delete)
		spool(&request);
	fail(missing, "the Caracal agent at %s hung up without an answer", socket_path);
}
