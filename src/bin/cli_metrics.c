/* `posthouse metrics`: the counters of all processes, for Prometheus or a script. */
#include "bin/cli_verbs.h"

#include "base/mem.h"
#include "run/metrics.h"

#include <stdio.h>

enum { TEXT_MAX = 64 << 20 };

static void sample_json(struct json *j, const struct metric_sample *s)
{
	static const char *const kinds[] = {[METRIC_COUNT] = "counter",
		[METRIC_LEVEL] = "gauge",
		[METRIC_HIST] = "histogram",
		[METRIC_HIST_USEC] = "histogram"};
	json_open_object(j, NULL);
	json_text(j, "name", s->name);
	json_text(j, "labels", s->labels);
	json_text(j, "role", s->role);
	json_int(j, "instance", s->n);
	json_text(j, "kind", slice_z(kinds[s->kind]));
	if (s->kind == METRIC_COUNT || s->kind == METRIC_LEVEL) {
		json_int(j, "value", (int64_t)s->cells[0]);
	} else {
		json_int(j, s->kind == METRIC_HIST_USEC ? "sum_usec" : "sum", (int64_t)s->cells[0]);
		json_int(j, "count", (int64_t)s->cells[1]);
	}
	json_close(j, '}');
}

static void print_json(const struct metric_set *set)
{
	struct json j = {0};
	json_begin(&j);
	json_open_array(&j, "metrics");
	for (size_t i = 0; i < set->n; i++)
		sample_json(&j, &set->v[i]);
	json_close(&j, ']');
	json_end(&j);
}

static int metrics(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	AUTO(arena) struct arena a = {0};
	struct metric_set set;
	struct err e;
	int code;
	if (cli_env_config(c->cli, &env, &code) < 0)
		return code;
	slice dir = arena_printf(&a, "%.*s/metrics", SFMT(env.config.server->run));
	if (metrics_read(dir, &a, &set, &e) < 0)
		return out_fail(&e);
	if (set.n == 0) {
		fprintf(stderr,
			T("posthouse: no counters in %.*s: no server has run, or they may not be "
			  "read\n",
				"posthouse: %.*s 中没有计数器：服务器未曾运行，或无权读取\n"),
			SFMT(dir));
		return CLI_NOTHING;
	}
	if (c->cli->json) {
		print_json(&set);
		return CLI_OK;
	}
	AUTO(buf) struct buf out = BUF(TEXT_MAX);
	metrics_render(&set, &out);
	fwrite(out.p, 1, out.n, stdout);
	return CLI_OK;
}

const struct cli_verb metrics_verbs[] = {
	{NULL, metrics, "", 0, 0, true, NULL,
		"Prints the counters of all processes as Prometheus reads them (text format "
		"0.0.4).",
		"以 Prometheus 文本格式（0.0.4）输出所有进程的计数器。",
		"Exit code 3 when no server has run yet. For the textfile collector of the node "
		"exporter:\n\n"
		"  posthouse metrics > /var/lib/prometheus/node-exporter/posthouse.prom.tmp &&\n"
		"    mv /var/lib/prometheus/node-exporter/posthouse.prom.tmp "
		"/var/lib/prometheus/node-exporter/posthouse.prom",
		"服务器未曾运行时退出码为 3。供 node exporter 的 textfile collector 使用：\n\n"
		"  posthouse metrics > /var/lib/prometheus/node-exporter/posthouse.prom.tmp &&\n"
		"    mv /var/lib/prometheus/node-exporter/posthouse.prom.tmp "
		"/var/lib/prometheus/node-exporter/posthouse.prom"},
	CLI_VERBS_END,
};
