/*
 * Runs a fuzz target over its corpus as a plain test: every file as it is, and a bounded number of
 * seeded mutations of each, so that `make test` exercises it without a fuzzing engine.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { MUTATIONS = 200, LARGEST = 1 << 20 };

static uint64_t state = 88172645463325252u;

static uint64_t next_random(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

/* An exact-size heap copy, so that one byte too far is seen by the sanitizer. */
static void feed(const uint8_t *data, size_t n)
{
	uint8_t *copy = malloc(n ? n : 1);
	if (n)
		memcpy(copy, data, n);
	LLVMFuzzerTestOneInput(copy, n);
	free(copy);
}

static void mutate_and_feed(const uint8_t *data, size_t n)
{
	uint8_t *m = malloc(n + 1);
	for (int round = 0; n && round < MUTATIONS; round++) {
		memcpy(m, data, n);
		size_t len = n;
		for (uint64_t k = 1 + next_random() % 4; k; k--) {
			size_t at = next_random() % len;
			switch (next_random() % 4) {
			case 0:
				m[at] = (uint8_t)next_random();
				break;
			case 1:
				m[at] ^= (uint8_t)(1u << next_random() % 8);
				break;
			case 2:
				memmove(m + at, m + at + (at + 1 < len), len - at - (at + 1 < len));
				break;
			default:
				len = 1 + at;
			}
		}
		feed(m, len);
	}
	free(m);
}

static int run_file(const char *path)
{
	FILE *f = fopen(path, "rb");
	if (!f)
		return 0;
	uint8_t *data = malloc(LARGEST);
	size_t n = fread(data, 1, LARGEST, f);
	fclose(f);
	feed(data, n);
	if (n <= 65536)
		mutate_and_feed(data, n);
	free(data);
	return 1;
}

int main(int argc, char **argv)
{
	int files = 0;
	feed((const uint8_t *)"", 0);
	for (int i = 1; i < argc; i++) {
		DIR *d = opendir(argv[i]);
		if (!d) {
			files += run_file(argv[i]);
			continue;
		}
		for (struct dirent *e; (e = readdir(d));) {
			char path[4096];
			if (e->d_name[0] != '.' && snprintf(path, sizeof path, "%s/%s", argv[i], e->d_name) > 0)
				files += run_file(path);
		}
		closedir(d);
	}
	printf("1 passed, 0 failed (%d corpus files)\n", files);
	return 0;
}
