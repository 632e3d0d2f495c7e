/* The section [backup] (backup.h). */
#include "store/backup.h"

static bool is_time(slice s)
{
	uint64_t hour, minute;
	return s.n == 5 && s.p[2] == ':' && slice_u64(slice_first(s, 2), &hour) &&
	       slice_u64(slice_skip(s, 3), &minute) && hour < 24 && minute < 60;
}

static void check(const void *value, slice instance, struct conf_check *c)
{
	const struct backup_conf *v = value;
	slice host;
	uint16_t port;
	(void)instance;
	if (!is_time(v->at))
		conf_complain(c, "at", "a time of the day, as 02:30", "应为一天中的时刻，如 02:30");
	if (v->target.n && v->target.p[0] != '/' && !backup_is_s3(v))
		conf_complain(c, "target", "an absolute path, or s3://BUCKET/PREFIX",
			"应为绝对路径，或 s3://存储桶/前缀");
	if (!backup_is_s3(v))
		return;
	if (!backup_endpoint(v, &host, &port))
		conf_complain(c, "endpoint", "with s3:// it is needed: https://HOST[:PORT]",
			"使用 s3:// 时必填：https://主机[:端口]");
	if (v->s3_key.n == 0 || v->s3_secret.value.n == 0)
		conf_complain(c, "s3_key", "with s3:// s3_key and s3_secret are needed",
			"使用 s3:// 时须填写 s3_key 和 s3_secret");
}

#define T struct backup_conf
static const struct conf_key keys[] = {CONF_KEY_STRING(T, target, "",
					       "Where backups go: a directory, also a mounted one, "
					       "or s3://BUCKET/PREFIX. Empty: none are "
					       "made. After setting it: posthouse backup init.",
					       "备份存放位置：目录（可为挂载的网络目录），或 "
					       "s3://存储桶/前缀。空：不备份。设置后请执行 "
					       "posthouse backup init。"),
	CONF_KEY_STRING(T, endpoint, "", "Of the S3 service: https://HOST[:PORT].",
		"S3 服务的地址：https://主机[:端口]。"),
	CONF_KEY_STRING(T, region, "us-east-1", "Its region.", "S3 服务的区域。"),
	CONF_KEY_STRING(T, s3_key, "", "Access key of the S3 service.", "S3 服务的访问密钥 ID。"),
	CONF_KEY_SECRET(T, s3_secret, "Its secret.", "S3 服务的访问密钥。"),
	CONF_KEY_PATH(T, ca, "",
		"PEM file of authorities trusted for the S3 service. Empty: the system's.",
		"连接 S3 服务时信任的根证书 PEM 文件。空：系统自带。"),
	CONF_KEY_DURATION(T, every, "1d", 0, 30 * DAY, "How often; 0: only by command.",
		"多久备份一次；0：只由命令启动。"),
	CONF_KEY_STRING(T, at, "02:30",
		"When every is whole days: at this local time. Else backups follow from this time "
		"on.",
		"every 为整天数时，在此本地时刻备份；否则从此时刻起按间隔备份。"),
	CONF_KEY_SIZE(T, max_rate, "100m", 0, 1LL << 40,
		"So many bytes are read in a second at most; 0: as fast as it goes.",
		"每秒最多读取的字节数；0：不限。"),
	CONF_KEY_INT(T, keep_last, "7", 1, 10000, "Generations kept in any case, the newest.",
		"始终保留的最新备份个数。"),
	CONF_KEY_INT(T, keep_daily, "14", 0, 10000, "Days of which the newest is kept.",
		"按日保留的天数，每天保留最新一个。"),
	CONF_KEY_INT(T, keep_weekly, "8", 0, 10000, "Weeks of which the newest is kept.",
		"按周保留的周数，每周保留最新一个。"),
	CONF_KEY_INT(T, keep_monthly, "12", 0, 10000, "Months of which the newest is kept.",
		"按月保留的月数，每月保留最新一个。"),
	CONF_KEY_DURATION(T, alarm_after, "3d", HOUR, 365 * DAY,
		"Administrators are told when the last good backup is older.",
		"最近一次成功备份早于此时长时通知管理员。"),
	CONF_KEY_BOOL(T, before_upgrade, "yes",
		"A new program that changes databases makes a backup first.",
		"新版本程序改动数据库结构之前先做备份。"),
	CONF_END};
#undef T
const struct conf_section backup_section = {.name = "backup",
	.keys = keys,
	.size = sizeof(struct backup_conf),
	.doc_en = "Backups of the whole installation, encrypted, to another place.",
	.doc_zh = "整个系统的加密备份，存放到另一处。",
	.check = check};
