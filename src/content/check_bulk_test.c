#include "content/checking_testing.h"

TEST(bulk_mail_is_sorted)
{
	static const struct checking_case v[] = {
		{"From: li@shop.example\nSubject: lunch\n\nshall we?\n", ""},
		{"From: li@shop.example\nX-Mailer: Foxmail 7.2\n\n"
		 "\xe6\x98\x8e\xe5\xa4\xa9\xe8\xa7\x81\n",
			""},
		{"From: news@shop.example\nList-Unsubscribe: <https://shop.example/u>\n"
		 "List-Unsubscribe-Post: List-Unsubscribe=One-Click\nFeedback-ID: 1:2:3:x\n\n"
		 "Sale! View in your browser. Unsubscribe\n",
			"bulk-newsletter bulk-tool bulk-unsubscribe"},
		{"From: Offers <x1.77@newsletter.shop.example>\nPrecedence: bulk\n\n"
		 "Unsubscribe\n",
			"bulk-newsletter bulk-words-only"},
		{"From: li@newsletter.example\nPrecedence: bulk\n\nUnsubscribe\n",
			"bulk-words-only"},
		{"From: edm@shop.example\nPrecedence: bulk\n\n"
		 "\xe5\xa6\x82\xe4\xb8\x8d\xe6\x83\xb3\xe5\x86\x8d\xe6\x94\xb6\xe5\x88\xb0"
		 "\xef\xbc\x8c\xe8\xaf\xb7\xe9\x80\x80\xe8\xae\xa2\n",
			"bulk-newsletter bulk-words-only"},
		{"From: a@b.example\nList-Id: dev <dev.lists.example>\nPrecedence: list\n"
		 "List-Post: <mailto:dev@lists.example>\nList-Unsubscribe: "
		 "<mailto:x@lists.example>\n\n"
		 "> patch\nfine\n",
			"bulk-list bulk-unsubscribe"},
		{"From: noreply@erp.example\nAuto-Submitted: auto-generated\nPrecedence: bulk\n\n"
		 "Purchase order 4711 was released. This message was automatically generated.\n",
			"bulk-notice bulk-automatic"},
		{"From: sap@corp.example\n\n"
		 "\xe6\x9c\xac\xe9\x82\xae\xe4\xbb\xb6\xe7\x94\xb1\xe7\xb3\xbb\xe7\xbb\x9f\xe8\x87"
		 "\xaa"
		 "\xe5\x8a\xa8\xe5\x8f\x91\xe9\x80\x81\n",
			"bulk-automatic"},
	};
	for (size_t i = 0; i < sizeof v / sizeof *v; i++)
		checking_try(content_check_bulk, NULL, NULL, 0, &v[i]);
}
