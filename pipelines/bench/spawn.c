/* Times starting a program: posix_spawn to exit, N times. Prints the median and
 * the minimum in milliseconds, and the peak resident KiB of the largest process it
 * had (measured here, as a child's peak begins with its parent's).
 * usage: spawn N PROGRAM [ARG ...] */
#define _GNU_SOURCE
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
	int n = argc > 2 ? (int)strtol(argv[1], NULL, 10) : 0;
	double *ms = n > 0 ? calloc((size_t)n, sizeof *ms) : NULL;
	posix_spawn_file_actions_t fa;
	struct rusage use;

	if (!ms)
		return 2;
	posix_spawn_file_actions_init(&fa);
	posix_spawn_file_actions_addopen(&fa, 1, "/dev/null", O_WRONLY, 0);
	for (int i = 0; i < n; i++) {
		double start = now_ms();
		int status;
		pid_t pid;

		if (posix_spawnp(&pid, argv[2], &fa, NULL, argv + 2, environ) ||
		    waitpid(pid, &status, 0) != pid || status)
			return 1;
		ms[i] = now_ms() - start;
	}
	qsort(ms, (size_t)n, sizeof *ms, by_value);
	getrusage(RUSAGE_CHILDREN, &use);
	printf("%.4f %.4f %ld\n", ms[n / 2], ms[0], use.ru_maxrss);
	free(ms);
	return 0;
}
