#include "cli/table.h"

#include <gtest/gtest.h>

namespace shoal::cli {
namespace {

const Table kTable{{"Node", "State"}, {{"hostos1", "running"}, {"hostos12", "cut"}}};

TEST(Table, AlignsItsColumnsBelowTheirHeaders) {
  const std::string expected =
      "NODE       STATE\n"
      "hostos1    running\n"
      "hostos12   cut\n";
  EXPECT_EQ(render(kTable, ""), expected);
  EXPECT_EQ(render(kTable, "table"), expected);
  EXPECT_EQ(render(Table{{"Node"}, {}}, ""), "NODE\n");
}

TEST(Table, IsOneJsonObjectALine) {
  EXPECT_EQ(render(kTable, "json"),
            "{\"Node\":\"hostos1\",\"State\":\"running\"}\n"
            "{\"Node\":\"hostos12\",\"State\":\"cut\"}\n");
}

TEST(Table, FollowsATemplate) {
  EXPECT_EQ(render(kTable, "{{.State}}\\t<{{ .Node }}>"), "running\t<hostos1>\ncut\t<hostos12>\n");
  EXPECT_EQ(render(kTable, "x"), "x\nx\n");
}

TEST(Table, RefusesATemplateThatMeansNothing) {
  EXPECT_EQ(render(kTable, "{{.Nod}}").error().message,
            "template: there is no field \".Nod\" (there are .Node, .State)");
  EXPECT_EQ(render(kTable, "{{Node}}").error().message,
            "template: there is no field \"Node\" (there are .Node, .State)");
  EXPECT_EQ(render(kTable, "{{}}").error().code, ErrorCode::InvalidArgument);
  EXPECT_EQ(render(kTable, "a {{.Node").error().message, "template: unclosed {{");
}

}  // namespace
}  // namespace shoal::cli
