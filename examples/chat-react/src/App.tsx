import { useState } from "react";
import { Channels } from "./Channels";
import { Composer } from "./Composer";
import { Connection } from "./Connection";
import { Messages } from "./Messages";

const NAME = "syncline-chat.name";

export function App() {
  const [channel, setChannel] = useState("general");
  const [author, setAuthor] = useState(() => localStorage.getItem(NAME) ?? "");

  const rename = (name: string) => {
    setAuthor(name);
    localStorage.setItem(NAME, name);
  };

  return (
    <main className="app">
      <header>
        <h1>
          Syncline <span>chat with React</span>
        </h1>
        <Connection />
      </header>
      <Channels current={channel} open={setChannel} />
      {/* The key gives each channel its own scroll position and draft. */}
      <Messages key={`messages ${channel}`} channel={channel} author={author} />
      <Composer key={`composer ${channel}`} channel={channel} author={author} rename={rename} />
    </main>
  );
}
