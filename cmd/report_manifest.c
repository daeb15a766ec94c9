/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * report_manifest.c: manifest.json, what is needed to say where a result came from and to get it again.
 *
 * It is the only result file with wall-clock times and measured memory of this process: whatever differs between two
 * equal runs is in here. It is written when the run starts and once more, complete, when it ends; without "ended" the
 * run was killed.
 */
#include <gnu/libc-version.h>
#include <lz4.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>
#include <xxhash.h>
#include <yaml.h>
#include <zstd.h>
#ifdef BALLAST_JEMALLOC
#include <jemalloc/jemalloc.h>
#endif

#include "cmd/commands.h"
#include "cmd/report.h"
#include "cmd/report_fields.h"

#ifndef BALLAST_REVISION
#define BALLAST_REVISION "unknown"
#endif

#define SCENARIO_TEXT_MAX (1u << 20)

static json_t *time_json(long long seconds)
{
	char text[40];
	time_t t = (time_t)seconds;
	struct tm utc;

	if (!seconds)
		return json_null();
	gmtime_r(&t, &utc);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &utc);
	return json_string(text);
}

/* What stands behind "key:" or "key\t:" in a file of such lines, in line[]; NULL: not found. */
static char *file_value(const char *path, const char *key, char *line, size_t bytes)
{
	FILE *in = fopen(path, "re");
	char *value = NULL;

	while (in && !value && fgets(line, (int)bytes, in)) {
		char *colon = strchr(line, ':');

		if (!colon || strncmp(line, key, strlen(key)) != 0)
			continue;
		value = colon + 1 + strspn(colon + 1, " \t");
		value[strcspn(value, "\n")] = '\0';
	}
	if (in)
		fclose(in);
	return value;
}

/* A line of the kind "VmRSS:   123 kB", in bytes; null if there is none. */
static json_t *kib_json(const char *path, const char *key)
{
	char line[256];
	const char *value = file_value(path, key, line, sizeof(line));

	return value ? report_count_json(strtoull(value, NULL, 10) << 10) : json_null();
}

static json_t *host_json(void)
{
	char line[256];
	const char *cpu = file_value("/proc/cpuinfo", "model name", line, sizeof(line));
	struct utsname u;

	if (uname(&u) != 0)
		return json_object();
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:i, s:o}", "name", u.nodename, "kernel",
			 u.release, "kernel_version", u.version, "machine", u.machine, "cpu_model",
			 cpu ? cpu : "unknown", "cpus", (int)sysconf(_SC_NPROCESSORS_ONLN),
			 "memory_bytes", kib_json("/proc/meminfo", "MemTotal"));
}

static json_t *process_json(void)
{
	static const char status[] = "/proc/self/status";

	return json_pack("{s:o, s:o, s:o, s:o}", "rss_bytes", kib_json(status, "VmRSS"),
			 "rss_peak_bytes", kib_json(status, "VmHWM"), "anonymous_bytes",
			 kib_json(status, "RssAnon"), "page_table_bytes",
			 kib_json(status, "VmPTE"));
}

static json_t *libraries_json(void)
{
	unsigned xxh = XXH_versionNumber();
	const char *malloc_name = "none: glibc's malloc";

#ifdef BALLAST_JEMALLOC
	size_t bytes = sizeof(malloc_name);

	if (mallctl("version", &malloc_name, &bytes, NULL, 0) != 0)
		malloc_name = "unknown";
#endif
	return json_pack(
		"{s:s, s:s, s:s, s:o, s:s, s:s, s:s}", "libc", gnu_get_libc_version(), "libyaml",
		yaml_get_version_string(), "jansson", jansson_version_str(), "xxhash",
		json_sprintf("%u.%u.%u", xxh / 10000, xxh / 100 % 100, xxh % 100), "lz4",
		LZ4_versionString(), "jemalloc", malloc_name, "zstd", ZSTD_versionString());
}

/* The file as it is now; null if it cannot be read or is no text. */
static json_t *scenario_text_json(const char *path)
{
	char *text = malloc(SCENARIO_TEXT_MAX);
	FILE *in = fopen(path, "re");
	json_t *json = NULL;

	if (in && text) {
		size_t n = fread(text, 1, SCENARIO_TEXT_MAX, in);

		if (n < SCENARIO_TEXT_MAX)
			json = json_stringn(text, n);
	}
	if (in)
		fclose(in);
	free(text);
	return json ? json : json_null();
}

json_t *report_manifest(const struct report_about *about, long long started, long long ended)
{
	const struct scenario *s = about->scenario;
	json_t *seed = s->seed <= INT64_MAX ? json_integer((json_int_t)s->seed)
					    : json_sprintf("%llu", (unsigned long long)s->seed);

	return json_pack("{s:i, s:s, s:s, s:s, s:O, s:s, s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:o}",
			 "schema", 1, "program", "ballast", "version", BALLAST_VERSION, "revision",
			 BALLAST_REVISION, "command", about->command, "scenario", s->name, "seed",
			 seed, "scenario_file", about->scenario_path, "scenario_text",
			 scenario_text_json(about->scenario_path), "started", time_json(started),
			 "ended", time_json(ended), "host", host_json(), "process", process_json(),
			 "libraries", libraries_json());
}
