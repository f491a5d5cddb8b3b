// Long texts of the catalogue: a small subset of Markdown becomes elements. Everything else stays text.

import { h } from "./dom.js";

const INLINE = /\*\*(?<bold>.+?)\*\*|\*(?<italics>.+?)\*|\[(?<text>[^\]]+)\]\((?<link>https:\/\/[^\s)]+)\)/;

function inline(text) {
  const found = text.match(INLINE);
  if (!found) return [text];
  const { bold, italics, text: label, link } = found.groups;
  const element = bold !== undefined ? h("strong", {}, inline(bold))
    : italics !== undefined ? h("em", {}, inline(italics))
    : h("a", { href: link, rel: "noopener noreferrer", target: "_blank" }, label);
  return [text.slice(0, found.index), element, ...inline(text.slice(found.index + found[0].length))];
}

/** Paragraphs and bullet lists with **bold**, *italics* and links to HTTPS addresses. */
export function markdown(text) {
  return text.trim().split(/\n\s*\n/).flatMap((block) => {
    const blocks = [];
    for (const line of block.split("\n")) {
      const item = line.match(/^\s*[-*] +(.*)$/)?.[1];
      const last = blocks.at(-1);
      if (item !== undefined && last?.items) last.items.push(item);
      else if (item !== undefined) blocks.push({ items: [item] });
      // A line that continues an item or a paragraph.
      else if (last?.items) last.items.push(`${last.items.pop()} ${line.trim()}`);
      else if (last) last.text += ` ${line.trim()}`;
      else blocks.push({ text: line.trim() });
    }
    return blocks.map(({ items, text: paragraph }) => (items ? h("ul", {}, items.map((item) => h("li", {}, inline(item)))) : h("p", {}, inline(paragraph))));
  });
}
