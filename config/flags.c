/* SPDX-License-Identifier: Apache-2.0 */
#include "config/flags.h"

#include <inttypes.h>
#include <stdarg.h>

#include "config/flags_check.h"
#include "config/quantity.h"
#include "shm/clock.h"
#include "shm/limits.h"

enum flag_kind { KIND_BOOL, KIND_INT, KIND_DURATION, KIND_SIZE, KIND_STR };

struct flag {
	const char *name;
	size_t offset; /* into struct rp_flags */
	enum flag_kind kind;
	enum rp_flag_status status;
	int64_t def;
	const char *def_str;
	int64_t min;
	int64_t max;
	const char *help;
};

#define RP_FLAG_ENTRY(field, name, kind, status, def, def_str, min, max, help)                     \
	{name, offsetof(struct rp_flags, field), kind, RP_FLAG_##status, def, def_str, min, max,   \
	 help},
#define RP_FLAG_BOOL(field, name, def, status, help)                                               \
	RP_FLAG_ENTRY(field, name, KIND_BOOL, status, def, NULL, 0, 1, help)
#define RP_FLAG_INT(field, name, def, min, max, status, help)                                      \
	RP_FLAG_ENTRY(field, name, KIND_INT, status, def, NULL, min, max, help)
#define RP_FLAG_DURATION(field, name, def, status, help)                                           \
	RP_FLAG_ENTRY(field, name, KIND_DURATION, status, def, NULL, 0, INT64_MAX, help)
#define RP_FLAG_SIZE(field, name, def, status, help)                                               \
	RP_FLAG_ENTRY(field, name, KIND_SIZE, status, def, NULL, 0, INT64_MAX, help)
#define RP_FLAG_STR(field, name, def, status, help)                                                \
	RP_FLAG_ENTRY(field, name, KIND_STR, status, 0, def, 0, 0, help)

static const struct flag flags_table[] = {
#include "config/flags.def"
};

static const char *const kind_names[] = {"bool", "int", "duration", "size", "string"};

static bool *bool_at(struct rp_flags *flags, const struct flag *flag)
{
	return (bool *)(void *)((char *)flags + flag->offset);
}

static int64_t *int_at(struct rp_flags *flags, const struct flag *flag)
{
	return (int64_t *)(void *)((char *)flags + flag->offset);
}

static const char **str_at(struct rp_flags *flags, const struct flag *flag)
{
	return (const char **)(void *)((char *)flags + flag->offset);
}

static void set_default(struct rp_flags *flags, const struct flag *flag)
{
	if (flag->kind == KIND_BOOL)
		*bool_at(flags, flag) = flag->def != 0;
	else if (flag->kind == KIND_STR)
		*str_at(flags, flag) = flag->def_str;
	else
		*int_at(flags, flag) = flag->def;
}

static bool is_default(struct rp_flags *flags, const struct flag *flag)
{
	if (flag->kind == KIND_BOOL)
		return *bool_at(flags, flag) == (flag->def != 0);
	if (flag->kind == KIND_STR)
		return strcmp(*str_at(flags, flag), flag->def_str) == 0;
	return *int_at(flags, flag) == flag->def;
}

static const struct flag *find_flag(struct rp_bytes name)
{
	for (size_t i = 0; i < RP_ARRAY_LEN(flags_table); i++) {
		if (rp_bytes_equal_str(name, flags_table[i].name))
			return &flags_table[i];
	}
	return NULL;
}

static int parse_number(const struct flag *flag, struct rp_bytes text, int64_t *ret)
{
	if (flag->kind == KIND_DURATION)
		return rp_duration_parse(text, ret);
	if (flag->kind == KIND_INT)
		return rp_int_parse(text, ret);
	if (rp_bytes_trim(text).len == 0) { /* an empty size is the default */
		*ret = flag->def;
		return RP_OK;
	}
	return rp_size_parse(text, ret);
}

/* What is wrong about a size is for the validation after parsing: exit 1, as upstream. */
static int malformed(const struct flag *flag, const char *value, struct rp_diag *reterr)
{
	return rp_diag_set(reterr, flag->kind == KIND_SIZE ? RP_ECONFIG : RP_EFORMAT, 0, 0,
			   "invalid value \"%.200s\" for --%s: %s expected", value, flag->name,
			   flag->kind == KIND_SIZE   ? "a size such as 10Mi or 25MB"
			   : flag->kind == KIND_BOOL ? "true or false"
			   : flag->kind == KIND_INT  ? "a number"
						     : "a duration such as 50ms or 1m30s");
}

static int set_value(struct rp_flags *flags, const struct flag *flag, const char *value,
		     struct rp_diag *reterr)
{
	if (strlen(value) > RP_FLAG_VALUE_MAX && strcmp(flag->name, "config-text") != 0)
		return rp_diag_set(reterr, RP_EFORMAT, 0, 0,
				   "the value of --%s is longer than %u bytes", flag->name,
				   RP_FLAG_VALUE_MAX);
	if (flag->kind == KIND_STR) {
		*str_at(flags, flag) = value;
		return RP_OK;
	}
	if (flag->kind == KIND_BOOL) {
		if (rp_bool_parse(rp_bytes_str(value), bool_at(flags, flag)) != RP_OK)
			return malformed(flag, value, reterr);
		return RP_OK;
	}
	int64_t number = 0;

	if (parse_number(flag, rp_bytes_str(value), &number) != RP_OK)
		return malformed(flag, value, reterr);
	if (number < 0 && flag->kind != KIND_INT)
		return rp_diag_set(reterr, RP_ECONFIG, 0, 0, "--%s must not be negative",
				   flag->name);
	if (number < flag->min || number > flag->max)
		return rp_diag_set(reterr, RP_ECONFIG, 0, 0,
				   "--%s must be between %" PRId64 " and %" PRId64 ", got %" PRId64,
				   flag->name, flag->min, flag->max, number);
	*int_at(flags, flag) = number;
	return RP_OK;
}

struct parser {
	int argc;
	char *const *argv;
	int at; /* the argument being looked at */
	void (*warn)(const char *text);
	struct rp_flags *flags;
	struct rp_diag *reterr;
	bool is_done;
};

static void RP_PRINTF(2, 3) warn(const struct parser *parser, const char *format, ...)
{
	char text[512];
	va_list args;

	if (parser->warn == NULL)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	parser->warn(text);
}

/* Set a flag to the value after its `=`, or to the next argument. */
static int apply(struct parser *parser, const struct flag *flag, const char *value)
{
	if (value == NULL && flag->kind == KIND_BOOL)
		value = "true";
	if (value == NULL) {
		if (parser->at + 1 >= parser->argc)
			return rp_diag_set(parser->reterr, RP_EFORMAT, 0, 0,
					   "flag --%s needs a value", flag->name);
		value = parser->argv[++parser->at];
	}
	int r = set_value(parser->flags, flag, value, parser->reterr);

	if (r == RP_OK && flag->status == RP_FLAG_IGNORED)
		warn(parser, "--%s is accepted but has no effect: %s", flag->name, flag->help);
	return r;
}

/* --help and --version, which are no entries of the table. @return true: it was one of them */
static bool apply_special(struct parser *parser, struct rp_bytes name)
{
	if (rp_bytes_equal_str(name, "help") || rp_bytes_equal_str(name, "h"))
		parser->flags->has_help = true;
	else if (rp_bytes_equal_str(name, "version"))
		parser->flags->has_version = true;
	else
		return false;
	parser->is_done = true;
	return true;
}

static int parse_argument(struct parser *parser, const char *arg)
{
	size_t dashes = arg[1] == '-' ? 2 : 1;
	const char *equals = strchr(arg, '=');
	const char *value = equals == NULL ? NULL : equals + 1;
	struct rp_bytes name = rp_bytes_str(arg + dashes);

	if (equals != NULL)
		name.len = (size_t)(equals - arg) - dashes;
	if (apply_special(parser, name))
		return RP_OK;
	const struct flag *flag = find_flag(name);

	if (flag != NULL) {
		if (dashes == 1 && name.len > 1)
			warn(parser, "%.100s: write --%s, a single dash is only for -v and -h", arg,
			     flag->name);
		return apply(parser, flag, value);
	}
	if (dashes == 1 && arg[1] == 'v') /* -v4 */
		return apply(parser, find_flag(RP_BYTES_LIT("v")), arg + 2);
	return rp_diag_set(parser->reterr, RP_EFORMAT, 0, 0,
			   "unknown flag: %.200s; --help lists the flags", arg);
}

static int parse_arguments(struct parser *parser)
{
	for (parser->at = 1; parser->at < parser->argc && !parser->is_done; parser->at++) {
		const char *arg = parser->argv[parser->at];

		if (strcmp(arg, "--") == 0)
			return RP_OK;
		if (arg[0] != '-' || arg[1] == '\0') {
			warn(parser,
			     "argument \"%.100s\" is ignored; a boolean flag takes its value "
			     "only with \"=\", as in --tracing=false",
			     arg);
			continue;
		}
		int r = parse_argument(parser, arg);

		if (r != RP_OK)
			return r;
	}
	return RP_OK;
}

static int check_refused(struct rp_flags *flags, struct rp_diag *reterr)
{
	for (size_t i = 0; i < RP_ARRAY_LEN(flags_table); i++) {
		const struct flag *flag = &flags_table[i];

		if (flag->status == RP_FLAG_REFUSED && !is_default(flags, flag))
			return rp_diag_set(reterr, RP_ECONFIG, 0, 0,
					   "--%s (%s) is not built yet; leave it out", flag->name,
					   flag->help);
	}
	return RP_OK;
}

int rp_flags_parse(int argc, char *const argv[], void (*warn_text)(const char *text),
		   struct rp_flags *ret_flags, struct rp_diag *reterr)
{
	struct parser parser = {argc, argv, 1, warn_text, ret_flags, reterr, false};
	int r;

	if (reterr != NULL)
		reterr->file[0] = '\0';
	*ret_flags = (struct rp_flags){0};
	for (size_t i = 0; i < RP_ARRAY_LEN(flags_table); i++)
		set_default(ret_flags, &flags_table[i]);
	r = parse_arguments(&parser);
	if (r != RP_OK || ret_flags->has_help || ret_flags->has_version)
		return r;
	if (ret_flags->refresh_metrics_interval < RP_SCRAPE_INTERVAL_MIN_NS) {
		warn(&parser, "--refresh-metrics-interval is raised to 50ms");
		ret_flags->refresh_metrics_interval = RP_SCRAPE_INTERVAL_MIN_NS;
	}
	r = check_refused(ret_flags, reterr);
	return r == RP_OK ? rp_flags_check(ret_flags, reterr) : r;
}

static void print_default(FILE *out, const struct flag *flag)
{
	char text[64];

	switch (flag->kind) {
	case KIND_BOOL:
		fprintf(out, " (default %s)", flag->def != 0 ? "true" : "false");
		break;
	case KIND_INT:
		fprintf(out, " (default %" PRId64 ")", flag->def);
		break;
	case KIND_DURATION:
		rp_duration_format(flag->def, text, sizeof(text));
		fprintf(out, " (default %s)", text);
		break;
	case KIND_SIZE:
		rp_size_format(flag->def, text, sizeof(text));
		fprintf(out, " (default %s)", text);
		break;
	case KIND_STR:
		fprintf(out, " (default \"%s\")", flag->def_str);
		break;
	}
}

static void print_group(FILE *out, const char *title, enum rp_flag_status status)
{
	fprintf(out, "\n%s\n", title);
	for (size_t i = 0; i < RP_ARRAY_LEN(flags_table); i++) {
		const struct flag *flag = &flags_table[i];

		if (flag->status != status)
			continue;
		fprintf(out, "  %s--%s %s\n        %s", strcmp(flag->name, "v") == 0 ? "-v, " : "",
			flag->name, kind_names[flag->kind], flag->help);
		print_default(out, flag);
		fputc('\n', out);
	}
}

void rp_flags_print_help(FILE *out)
{
	fputs("Usage: ringpick [flags]\n"
	      "       ringpick check [--allow-experimental-plugins] FILE | - | --config-text TEXT\n"
	      "       ringpick plugins [--json | --schema] [TYPE]\n"
	      "\n"
	      "An endpoint picker for the Gateway API Inference Extension. \"check\" says whether "
	      "FILE\nis a good configuration for --config-file, and prints what it comes to; "
	      "\"plugins\"\nlists the plugin types that may stand in it, with their parameters.\n"
	      "Booleans take a value only with \"=\" (--secure-serving=false). Sizes are numbers "
	      "of\n"
	      "bytes or Kubernetes quantities with an optional B (10MiB); durations are Go's "
	      "(1m30s).\n",
	      out);
	print_group(out, "Flags:", RP_FLAG_OK);
	print_group(out, "Ours (ringpick only):", RP_FLAG_OURS);
	fputs("  --version\n        print the version and exit\n"
	      "  -h, --help\n        print this text and exit\n",
	      out);
	print_group(out, "Accepted without effect:", RP_FLAG_IGNORED);
	print_group(out, "Not built yet (only the default is accepted):", RP_FLAG_REFUSED);
}
