/* SPDX-License-Identifier: Apache-2.0
 *
 * The HTML report: report.html, which is part of the program, with the JSON of one or several runs
 * put into it. It needs no network and no other file.
 */
#ifndef RP_PERF_BENCH_REPORT_H
#define RP_PERF_BENCH_REPORT_H

#include "shm/err.h"

/**
 * Write the report over `path`.
 *
 * @param json    one run as --json writes it; or an array of runs, each as it is or as
 *                {"label":"...","run":{...}}: they are compared
 * @param reterr  may be NULL; why it failed, with the path
 * @return RP_OK or -errno; the file may then hold a part
 */
RP_MUST_CHECK int rp_bench_report_write(const char *path, const char *json, size_t len,
					struct rp_diag *reterr);

/**
 * `report OUT.html A.json [B.json...]`: a report of files that --json wrote, each called by its
 * file's name. Tells on stderr what is wrong.
 *
 * @param argv  argv[0] is "report"
 * @return the exit status: 0; 1 a file cannot be read or written; 2 usage
 */
int rp_bench_report_main(int argc, char **argv);

#endif /* RP_PERF_BENCH_REPORT_H */
