/* SPDX-License-Identifier: Apache-2.0
 *
 * The command line, by the rules of pflag and Go's flag: no abbreviations, `--f v` and `--f=v`,
 * booleans only with `=`, `-v=4`, single-dash long names accepted with a warning. One line a flag
 * in flags.def; help, defaults and documentation come from there.
 */
#ifndef RP_CONFIG_FLAGS_H
#define RP_CONFIG_FLAGS_H

#include <stdio.h>

#include "shm/bytes.h"
#include "shm/settings.h"

/*
 * Values by flag: the fields are generated from flags.def, `--grpc-port` becomes grpc_port:
 * bool, int64_t (ints, durations in ns, sizes in bytes) or const char * (borrowed from argv).
 */
struct rp_flags {
#define RP_FLAG_BOOL(field, name, def, status, help)	      bool field;
#define RP_FLAG_INT(field, name, def, min, max, status, help) int64_t field;
#define RP_FLAG_DURATION(field, name, def, status, help)      int64_t field;
#define RP_FLAG_SIZE(field, name, def, status, help)	      int64_t field;
#define RP_FLAG_STR(field, name, def, status, help)	      const char *field;
#include "config/flags.def"
#undef RP_FLAG_BOOL
#undef RP_FLAG_INT
#undef RP_FLAG_DURATION
#undef RP_FLAG_SIZE
#undef RP_FLAG_STR
	bool has_help;
	bool has_version;
};

/* What a flag may do at present. */
enum rp_flag_status {
	RP_FLAG_OK,
	RP_FLAG_OURS,	 /* listed in the table "ours" of --help */
	RP_FLAG_IGNORED, /* has no effect in C: accepted with a warning */
	RP_FLAG_REFUSED, /* would change routing, TLS, auth or HA and is not built yet: exit 1 */
};

/**
 * Parse argv into flags, defaults first.
 *
 * @param argv  borrowed for the life of flags
 * @param[out] reterr  message names the flag and the remedy
 * @return RP_OK; RP_EFORMAT: unknown flag or malformed value, print usage and exit 2;
 *         RP_ECONFIG: values that contradict one another or a flag not built yet, exit 1
 * Warnings go to `warn` (may be NULL), one call each.
 */
RP_MUST_CHECK int rp_flags_parse(int argc, char *const argv[], void (*warn)(const char *text),
				 struct rp_flags *ret_flags, struct rp_diag *reterr);

/** The --help text, with defaults. */
void rp_flags_print_help(FILE *out);

/**
 * Settings that workers need, from flags and from the machine (CPUs, memory limit).
 */
RP_MUST_CHECK int rp_flags_to_settings(const struct rp_flags *flags,
				       struct rp_settings *ret_settings, struct rp_diag *reterr);

#endif /* RP_CONFIG_FLAGS_H */
