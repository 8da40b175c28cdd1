/*
 * Times short-lived processes from a small one: starting a process from Node.js costs milliseconds that vary with the
 * size of its heap, which would blur what is measured. Reads requests from standard input, one after another:
 *
 *   lengths of environment and input (32 bits each, little-endian), environment (KEY=VALUE, NUL-terminated), input
 *
 * where the environment's variable SPAWN_PROGRAM names the program. Answers on standard output:
 *
 *   when it was started, in nanoseconds of the monotonic clock, and nanoseconds from then until its end was seen (64 bits
 *   each), exit code, length of output (32 bits each), output
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MAX_VARIABLES = 64, MAX_BYTES = 60000 };

static void need(int condition, const char *what)
{
	if (condition)
		return;
	perror(what);
	exit(1);
}

static uint64_t now(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000000000ull + time.tv_nsec;
}

int main(void)
{
	static char environment[MAX_BYTES + 1], input[MAX_BYTES], output[MAX_BYTES];
	uint32_t lengths[2];
	while (fread(lengths, sizeof lengths, 1, stdin) == 1) {
		need(lengths[0] <= MAX_BYTES && lengths[1] <= MAX_BYTES, "request too long");
		need(fread(environment, 1, lengths[0], stdin) == lengths[0], "environment");
		need(fread(input, 1, lengths[1], stdin) == lengths[1], "input");
		char *variables[MAX_VARIABLES + 1], *program = NULL;
		int count = 0;
		for (char *at = environment; at < environment + lengths[0] && count < MAX_VARIABLES; at += strlen(at) + 1) {
			if (strncmp(at, "SPAWN_PROGRAM=", 14) == 0)
				program = at + 14;
			else
				variables[count++] = at;
		}
		variables[count] = NULL;
		need(program != NULL, "no SPAWN_PROGRAM");

		/* The input fits into a pipe, so it is there before the program starts. */
		int in[2], out[2], status;
		need(pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0, "pipe");
		need(write(in[1], input, lengths[1]) == lengths[1], "write");
		close(in[1]);
		posix_spawn_file_actions_t actions;
		posix_spawn_file_actions_init(&actions);
		posix_spawn_file_actions_adddup2(&actions, in[0], 0);
		posix_spawn_file_actions_adddup2(&actions, out[1], 1);
		char *arguments[] = {program, NULL};

		pid_t pid;
		uint64_t start = now();
		need(posix_spawn(&pid, program, &actions, NULL, arguments, variables) == 0, "spawn");
		close(out[1]);
		uint32_t length = 0;
		ssize_t got;
		while (length < sizeof output && (got = read(out[0], output + length, sizeof output - length)) > 0)
			length += got;
		need(waitpid(pid, &status, 0) == pid, "wait");
		uint64_t elapsed = now() - start;

		close(in[0]);
		close(out[0]);
		posix_spawn_file_actions_destroy(&actions);
		uint32_t code = WIFEXITED(status) ? WEXITSTATUS(status) : 255;
		fwrite(&start, sizeof start, 1, stdout);
		fwrite(&elapsed, sizeof elapsed, 1, stdout);
		fwrite(&code, sizeof code, 1, stdout);
		fwrite(&length, sizeof length, 1, stdout);
		fwrite(output, 1, length, stdout);
		fflush(stdout);
	}
	return 0;
}
