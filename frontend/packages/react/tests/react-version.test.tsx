import { version } from "react";
import { version as domVersion } from "react-dom";
import { expect, test } from "vitest";

test("each project runs on the React that it is named after", ({ task }) => {
  const major = task.file.projectName === "react-18" ? "18" : "19";
  expect([version, domVersion].map((each) => each.split(".")[0])).toEqual([major, major]);
});
