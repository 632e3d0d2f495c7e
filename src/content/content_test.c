#include "base/mem.h"
#include "base/test.h"
#include "codec/filetype.h"
#include "content/report.h"
#include <jansson.h>

static const char letter[] =
	"From: \"Zhang Wei\" <zhang@mail.example>\r\nReply-To: other@else.example\r\n"
	"Subject: =?utf-8?B?5L2g5aW9?=\r\nMIME-Version: 1.0\r\n"
	"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
	"--b\r\nContent-Type: text/html; charset=utf-8\r\n\r\n"
	"<p>Please <a href=\"http://evil.example/x\">https://bank.example/</a></p>\r\n"
	"--b\r\nContent-Type: multipart/alternative; boundary=i\r\nContent-Transfer-Encoding: "
	"base64"
	"\r\n\r\n"
	"LS1pDQpDb250ZW50LVR5cGU6IHRleHQvcGxhaW4NCg0KaW5zaWRlIHd3dy5oaWRkZW4uZXhhbXBsZQ0KLS1pLS0NCg"
	"="
	"=\r\n"
	"--b--\r\n";

TEST(letters_are_read_whole)
{
	AUTO(arena) struct arena a = {0};
	struct content c;
	content_read(slice_z(letter), &(struct content_tools){0}, &content_limits_default, &a, &c);
	CHECK_STR(c.from_name, S("Zhang Wei"));
	CHECK_STR(c.from_address, S("zhang@mail.example"));
	CHECK_STR(c.reply_address, S("other@else.example"));
	CHECK((slice_find(c.mail.text, S("Please")) < c.mail.text.n) &&
		(slice_find(c.mail.text, S("inside")) < c.mail.text.n));
	CHECK_INT(c.nlinks, 3); /* the one that is seen, too */
	CHECK_STR(c.links[0].url.host, S("evil.example"));
	CHECK(c.links[0].deceives && c.links[0].where == CONTENT_IN_HTML && c.links[0].file == -1);
	CHECK_STR(c.links[2].url.host, S("www.hidden.example"));
	CHECK(!c.limited);
}

TEST(reports_travel_as_json)
{
	AUTO(arena) struct arena a = {0};
	struct content_examiner *e = content_examiner_new();
	struct content_report r, back;
	struct content_context ctx = {0};
	const struct signal_def rule = {"our-rule", SIGNAL_CONTENT, 2, "ours", "自己的", "fraud"};
	const unsigned wishes = CONTENT_EXPLAIN | CONTENT_FEATURES;
	content_examine(e, slice_z(letter), &ctx, &(struct content_tools){0}, wishes, &a, &r);
	CHECK(r.nfeatures > 10);
	signals_add_def(&r.signals, &rule, 2, S("why"));
	signals_add(&r.signals, SIGNAL_SPF_FAIL, 1, S("192.0.2.1"));
	r.nprints = 0;
	r.prints[r.nprints++] = (struct fingerprint){FINGERPRINT_FILE, 0xf000000000000001};
	r.in[LEARN_SITE] = 1.5F;
	struct content_report_file file = {
		S("发票.exe"), FILETYPE_ZIP, 5000000000, EXTRACT_FACTS, 2, 7};
	r.files = &file;
	r.nfiles = 1;
	json_t *j = content_report_json(&r, wishes);
	CHECK(content_report_read(j, &a, &back));
	CHECK_STR(back.subject, S("你好"));
	CHECK_INT(back.signals.n, r.signals.n);
	CHECK(signals_has(&back.signals, SIGNAL_SPF_FAIL));
	CHECK(signals_has_name(&back.signals, S("our-rule")));
	CHECK_INT(back.nfeatures, r.nfeatures);
	CHECK(memcmp(&back.features[3].hash, &r.features[3].hash, sizeof back.features[3].hash) ==
		0);
	CHECK_INT(back.nprints, 1);
	CHECK(back.prints[0].kind == FINGERPRINT_FILE && back.prints[0].hash == 0xf000000000000001);
	CHECK_INT(back.nfiles, 1);
	CHECK_STR(back.files[0].name, S("发票.exe"));
	CHECK(back.files[0].type == FILETYPE_ZIP && back.files[0].size == 5000000000);
	CHECK(back.files[0].facts == EXTRACT_FACTS && back.files[0].depth == 2);
	CHECK_INT(back.files[0].part, 7);
	CHECK(back.in[LEARN_SITE] > 1.4F && back.in[LEARN_SITE] < 1.6F);
	CHECK_INT(back.nhosts, r.nhosts);
	CHECK_STR(back.hosts[0], S("evil.example"));
	double p = content_probability(&r, 3), q = content_probability(&back, 3);
	CHECK(p > q - 1e-6 && p < q + 1e-6);
	float in[LEARN_INPUTS]; /* points from elsewhere count less */
	double own = signals_score(&r.signals);
	memcpy(in, r.in, sizeof in);
	in[LEARN_RULES] = (float)(own + CONTENT_ELSEWHERE * 2);
	p = content_probability(&r, own + 2), q = learn_fuse_probability(&r.fuse, in);
	CHECK(p > q - 1e-6 && p < q + 1e-6 && p > content_probability(&r, own));
	json_t *models = json_incref(json_object_get(j, "models"));
	json_object_set_new(j, "models", json_array());
	CHECK(!content_report_read(j, &a, &back));
	json_object_set_new(j, "models", models);
	json_object_set_new(j, "files", json_pack("[[s, s, i, i, i, i]]", "x", "zip", 1, 1, -1, 0));
	CHECK(!content_report_read(j, &a, &back));
	json_decref(j);
	content_examiner_free(e);
}
