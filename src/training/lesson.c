/* Words for what lesson.h names, as the command line shows and the journal's users write them. */
#include "training/lesson.h"

static const char *const sources[TRAINING_SOURCES][2] = {
	[TRAINING_ADMIN] = {"admin", "管理员"},
	[TRAINING_IMPORT] = {"import", "导入"},
	[TRAINING_HONEYPOT] = {"honeypot", "蜜罐"},
	[TRAINING_RELEASE] = {"release", "放行"},
	[TRAINING_REPORT] = {"report", "举报"},
	[TRAINING_MOVE] = {"move", "移动"},
};

const char *training_source_name(enum training_source s, bool chinese)
{
	return s >= TRAINING_ADMIN && s < TRAINING_SOURCES ? sources[s][chinese] : "?";
}

const char *training_state_name(enum training_state s, bool chinese)
{
	static const char *const names[][2] = {[TRAINING_PENDING] = {"pending", "待处理"},
		[TRAINING_LEARNED] = {"learned", "已学习"},
		[TRAINING_UNLEARNED] = {"unlearned", "已撤销"},
		[TRAINING_REJECTED] = {"rejected", "未采纳"}};
	return s >= TRAINING_PENDING && s <= TRAINING_REJECTED ? names[s][chinese] : "?";
}
