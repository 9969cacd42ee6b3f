import { serverUrl } from "./base";

const PAGES = { "": "RFQ preview", sentiment: "Sentiment", jobs: "Jobs", models: "Models" };

/** Plain links: a page is loaded anew in a moment, and what waits on the one that is left goes on when it is back. */
export function Masthead({ page }: { page: keyof typeof PAGES }) {
  return (
    <header className="masthead">
      <p className="brand">Greenroom</p>
      <nav className="pages" aria-label="Pages">
        {Object.entries(PAGES).map(([path, title]) => (
          <a key={path} href={serverUrl(`/app/${path}`)} aria-current={path === page ? "page" : undefined}>
            {title}
          </a>
        ))}
      </nav>
    </header>
  );
}
