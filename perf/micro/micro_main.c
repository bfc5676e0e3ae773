/* SPDX-License-Identifier: Apache-2.0
 *
 * ringpick-micro: nanoseconds of CPU, and instructions, of the hot parts.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "perf/micro/micro.h"
#include "shm/bytes.h"
#include "shm/clock.h"

enum { BATCHES_MAX = 1000, EXIT_WRONG = 1, EXIT_USAGE = 2 };

static const char help[] =
	"Usage: ringpick-micro [OPTION]...\n"
	"Measures the hot parts of ringpick's worker, each as one operation.\n\n"
	"  --list              names of the cases\n"
	"  --only CASE         this case, or all whose names begin so with a dot after it;\n"
	"                      may be given several times\n"
	"  --batches N         batches measured of each case (15)\n"
	"  --batch-us N        CPU time of a batch (2000)\n"
	"  --json FILE         write the figures as JSON too; - is standard output\n"
	"  --instructions FILE lines of `CASE INSTRUCTIONS`, as perf/micro/callgrind.sh writes "
	"them,\n"
	"                      to be shown beside the times\n"
	"  --iterations N      run one case N times in rp_micro_loop() and measure nothing\n"
	"  --help              this text\n";

struct options {
	bool wants_list;
	const char *only[64];
	uint32_t only_count;
	uint64_t batches;
	uint64_t batch_us;
	uint64_t iterations; /* 0: measure */
	const char *json_path;
	const char *instructions_path;
};

struct figures {
	const struct rp_micro_case *c;
	double ns_median;
	double ns_min;
	double instructions; /* below 0: not known */
};

static const struct rp_micro_case *current;

void rp_micro_wrong(const char *what, const char *file, int line)
{
	fprintf(stderr, "ringpick-micro: %s: wrong result: %s (%s:%d)\n", current->name, what, file,
		line);
	exit(EXIT_WRONG);
}

static int64_t cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (int64_t)ts.tv_sec * RP_NS_PER_S + ts.tv_nsec;
}

/* What callgrind collects. */
void rp_micro_loop(const struct rp_micro_ops *ops, void *bed, uint64_t runs);
__attribute__((noinline)) void rp_micro_loop(const struct rp_micro_ops *ops, void *bed,
					     uint64_t runs)
{
	for (uint64_t i = 0; i < runs; i++)
		ops->run(bed);
}

/* @return CPU time */
static int64_t run_batch(const struct rp_micro_ops *ops, void *bed, uint64_t runs)
{
	uint64_t part = ops->batch_max != 0 ? ops->batch_max : runs;
	int64_t spent = 0;

	while (runs > 0) {
		uint64_t n = runs < part ? runs : part;
		int64_t begin;

		if (ops->prepare != NULL)
			ops->prepare(bed);
		begin = cpu_ns();
		rp_micro_loop(ops, bed, n);
		spent += cpu_ns() - begin;
		runs -= n;
	}
	return spent;
}

static int compare(const void *a, const void *b)
{
	const double *x = a;
	const double *y = b;

	return (*x > *y) - (*x < *y);
}

static void measure(const struct options *options, struct figures *figures)
{
	const struct rp_micro_ops *ops = figures->c->ops;
	int64_t wanted_ns = (int64_t)options->batch_us * RP_NS_PER_US;
	void *bed = ops->setup(figures->c);
	double ns[BATCHES_MAX];
	uint64_t runs = 1;

	for (;;) {
		int64_t spent = run_batch(ops, bed, runs);

		if (spent >= wanted_ns / 2)
			break;
		runs *= 2;
	}
	for (uint64_t i = 0; i < options->batches; i++)
		ns[i] = (double)run_batch(ops, bed, runs) / (double)runs;
	qsort(ns, options->batches, sizeof(ns[0]), compare);
	figures->ns_min = ns[0];
	figures->ns_median = ns[options->batches / 2];
	ops->teardown(bed);
}

static void run_fixed(const struct rp_micro_ops *ops, const struct rp_micro_case *c, uint64_t runs)
{
	void *bed = ops->setup(c);

	if (ops->batch_max != 0 && runs > ops->batch_max)
		runs = ops->batch_max;
	/* Once before, outside of the loop: what is warm stays so. */
	if (ops->prepare != NULL)
		ops->prepare(bed);
	ops->run(bed);
	if (ops->prepare != NULL)
		ops->prepare(bed);
	rp_micro_loop(ops, bed, runs);
	printf("%s %llu\n", c->name, (unsigned long long)runs);
	ops->teardown(bed);
}

static bool is_wanted(const struct options *options, const char *name)
{
	for (uint32_t i = 0; i < options->only_count; i++) {
		size_t n = strlen(options->only[i]);

		if (strncmp(name, options->only[i], n) == 0 && (name[n] == '\0' || name[n] == '.'))
			return true;
	}
	return options->only_count == 0;
}

static int read_instructions(const char *path, struct figures *figures, size_t count)
{
	FILE *file = fopen(path, "r");
	char name[64];
	double value;

	if (file == NULL)
		return -1;
	while (fscanf(file, "%63s %lf", name, &value) == 2) {
		for (size_t i = 0; i < count; i++) {
			if (strcmp(figures[i].c->name, name) == 0)
				figures[i].instructions = value;
		}
	}
	fclose(file);
	return 0;
}

static int write_json(const char *path, const struct figures *figures, size_t count)
{
	FILE *file = strcmp(path, "-") == 0 ? stdout : fopen(path, "w");
	int err;

	if (file == NULL)
		return -1;
	fprintf(file, "{\"cases\":[");
	for (size_t i = 0; i < count; i++) {
		const struct figures *f = &figures[i];

		fprintf(file,
			"%s\n{\"name\":\"%s\",\"unit\":\"operation\",\"ns_median\":%.2f,"
			"\"ns_min\":%.2f,\"instructions\":",
			i == 0 ? "" : ",", f->c->name, f->ns_median, f->ns_min);
		if (f->instructions < 0)
			fprintf(file, "null}");
		else
			fprintf(file, "%.0f}", f->instructions);
	}
	fprintf(file, "\n]}\n");
	err = ferror(file);
	if (file != stdout)
		err |= fclose(file);
	return err == 0 ? 0 : -1;
}

static void print_line(FILE *out, const struct figures *f)
{
	fprintf(out, "%-28s %12.1f %12.1f", f->c->name, f->ns_median, f->ns_min);
	if (f->instructions >= 0)
		fprintf(out, " %12.0f", f->instructions);
	fprintf(out, "\n");
	fflush(out);
}

static const struct figures *find(const struct figures *figures, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(figures[i].c->name, name) == 0)
			return &figures[i];
	}
	return NULL;
}

/* What an endpoint more costs, from each size to the next and from the first to the last. */
static void print_slope(FILE *out, const struct rp_micro_slope *slope,
			const struct figures *figures, size_t count)
{
	enum { SIZES = RP_ARRAY_LEN(slope->of) };
	const struct figures *at[SIZES];

	for (uint32_t i = 0; i < SIZES; i++) {
		at[i] = find(figures, count, slope->of[i]);
		if (at[i] == NULL)
			return;
	}
	fprintf(out, "an endpoint more, %s:", slope->what);
	for (uint32_t to = 1; to <= SIZES; to++) {
		uint32_t a = to < SIZES ? to - 1 : 0;
		uint32_t b = to < SIZES ? to : SIZES - 1;
		double endpoints = slope->endpoints[b] - slope->endpoints[a];

		fprintf(out, "%s %.0f to %.0f: %.2f ns", to > 1 ? "," : "", slope->endpoints[a],
			slope->endpoints[b], (at[b]->ns_median - at[a]->ns_median) / endpoints);
		if (at[a]->instructions >= 0 && at[b]->instructions >= 0)
			fprintf(out, " (%.1f instructions)",
				(at[b]->instructions - at[a]->instructions) / endpoints);
	}
	fprintf(out, "\n");
}

static bool read_number(const char *text, uint64_t min, uint64_t max, uint64_t *ret)
{
	return rp_bytes_to_u64(rp_bytes_str(text), max, ret) == RP_OK && *ret >= min;
}

/* @return -1: go on; else the exit status */
static int parse_options(int argc, char **argv, struct options *options)
{
	enum { LIST = 1, ONLY, BATCHES, BATCH_US, JSON, INSTRUCTIONS, ITERATIONS, HELP };
	static const struct option longs[] = {
		{"list", no_argument, NULL, LIST},
		{"only", required_argument, NULL, ONLY},
		{"batches", required_argument, NULL, BATCHES},
		{"batch-us", required_argument, NULL, BATCH_US},
		{"json", required_argument, NULL, JSON},
		{"instructions", required_argument, NULL, INSTRUCTIONS},
		{"iterations", required_argument, NULL, ITERATIONS},
		{"help", no_argument, NULL, HELP},
		{NULL, 0, NULL, 0},
	};
	bool is_ok = true;
	int option;

	while (is_ok && (option = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (option) {
		case LIST:
			options->wants_list = true;
			break;
		case ONLY:
			is_ok = options->only_count < RP_ARRAY_LEN(options->only);
			if (is_ok)
				options->only[options->only_count++] = optarg;
			break;
		case BATCHES:
			is_ok = read_number(optarg, 1, BATCHES_MAX, &options->batches);
			break;
		case BATCH_US:
			is_ok = read_number(optarg, 1, 10000000, &options->batch_us);
			break;
		case JSON:
			options->json_path = optarg;
			break;
		case INSTRUCTIONS:
			options->instructions_path = optarg;
			break;
		case ITERATIONS:
			is_ok = read_number(optarg, 1, 1000000000, &options->iterations);
			break;
		case HELP:
			fputs(help, stdout);
			return 0;
		default:
			is_ok = false;
		}
	}
	if (is_ok && optind == argc)
		return -1;
	fputs("ringpick-micro: wrong arguments. Try ringpick-micro --help.\n", stderr);
	return EXIT_USAGE;
}

static int measure_all(const struct options *options, struct figures *figures, size_t count)
{
	/* The table gives way to the JSON. */
	bool is_quiet = options->json_path != NULL && strcmp(options->json_path, "-") == 0;
	FILE *out = is_quiet ? stderr : stdout;

	if (options->instructions_path != NULL &&
	    read_instructions(options->instructions_path, figures, count) != 0) {
		fprintf(stderr, "ringpick-micro: cannot read %s\n", options->instructions_path);
		return EXIT_USAGE;
	}
	fprintf(out, "%-28s %12s %12s%s\n", "case", "ns median", "ns min",
		options->instructions_path != NULL ? " instructions" : "");
	for (size_t i = 0; i < count; i++) {
		current = figures[i].c;
		measure(options, &figures[i]);
		print_line(out, &figures[i]);
	}
	for (size_t i = 0; i < rp_micro_slope_count; i++)
		print_slope(out, &rp_micro_slopes[i], figures, count);
	if (options->json_path != NULL && write_json(options->json_path, figures, count) != 0) {
		fprintf(stderr, "ringpick-micro: cannot write %s\n", options->json_path);
		return EXIT_USAGE;
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct options options = {.batches = 15, .batch_us = 2000};
	struct figures *figures = rp_micro_alloc(rp_micro_case_count * sizeof(*figures));
	size_t count = 0;
	int status = parse_options(argc, argv, &options);

	for (size_t i = 0; i < rp_micro_case_count; i++) {
		if (is_wanted(&options, rp_micro_cases[i].name))
			figures[count++] =
				(struct figures){.c = &rp_micro_cases[i], .instructions = -1};
	}
	if (status < 0 && count == 0) {
		fputs("ringpick-micro: no such case. Try ringpick-micro --list.\n", stderr);
		status = EXIT_USAGE;
	}
	if (status >= 0) {
		free(figures);
		return status;
	}
	status = 0;
	for (size_t i = 0; options.wants_list && i < count; i++)
		puts(figures[i].c->name);
	if (!options.wants_list && options.iterations > 0) {
		current = figures[0].c; /* the case itself stands before those below it */
		run_fixed(current->ops, current, options.iterations);
	} else if (!options.wants_list) {
		status = measure_all(&options, figures, count);
	}
	free(figures);
	return status;
}
