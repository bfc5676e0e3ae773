/* SPDX-License-Identifier: Apache-2.0
 *
 * Foreign bytes on a log ring become one line of JSON without control characters, or nothing.
 */
#include <cjson/cJSON.h>
#include <unistd.h>

#include "dataplane/json_scan.h"
#include "shm/log.h"
#include "tests/fuzz/fuzz.h"

static uint8_t line[RP_LOG_LINE_BYTES_MAX];
static size_t line_len;
static int line_count;
static bool is_formatting;

/* The linker puts this in the place of write(); see CMakeLists.txt. */
ssize_t __wrap_write(int fd, const void *bytes, size_t n);
ssize_t __real_write(int fd, const void *bytes, size_t n);
ssize_t __wrap_write(int fd, const void *bytes, size_t n)
{
	if (!is_formatting)
		return __real_write(fd, bytes, n);
	RP_ASSERT(fd == STDERR_FILENO && n <= sizeof(line));
	memcpy(line, bytes, n);
	line_len = n;
	line_count++;
	return (ssize_t)n;
}

static void check_line(struct rp_bytes text)
{
	struct rp_json_scan scan;
	struct rp_json_token token;
	size_t at = 0;
	cJSON *json;

	RP_ASSERT(rp_bytes_ends_with(text, RP_BYTES_LIT("}\n")));
	text.len--;
	for (size_t i = 0; i < text.len; i++)
		RP_ASSERT(text.ptr[i] >= 0x20 && text.ptr[i] != 0x7f);
	rp_json_scan_init(&scan);
	while (rp_json_scan_next(&scan, text, &at, &token) == RP_OK)
		;
	RP_ASSERT(rp_json_scan_end(&scan) == RP_OK && scan.top == RP_JSON_OBJECT_BEGIN);
	json = cJSON_ParseWithLength((const char *)text.ptr, text.len);
	RP_ASSERT(json != NULL);
	RP_ASSERT(cJSON_IsString(cJSON_GetObjectItem(json, "level")));
	RP_ASSERT(cJSON_IsNumber(cJSON_GetObjectItem(json, "ts")));
	RP_ASSERT(cJSON_IsString(cJSON_GetObjectItem(json, "msg")));
	cJSON_Delete(json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	line_count = 0;
	is_formatting = true;
	rp_log_write_record(rp_bytes(data, size));
	rp_log_flush();
	is_formatting = false;
	RP_ASSERT(line_count <= 1);
	if (line_count == 1)
		check_line(rp_bytes(line, line_len));
	return 0;
}
