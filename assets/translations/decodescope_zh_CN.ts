<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE TS>
<TS version="2.1" language="zh_CN">
<context>
    <name>About</name>
    <message>
        <source>About DecodeScope</source>
        <translation>关于 DecodeScope</translation>
    </message>
    <message>
        <source>Shows a language model generating text, token by token, on your own hardware.
Nothing leaves this machine. Apache License 2.0.</source>
        <translation>逐个 token 地展示语言模型在你自己的硬件上生成文本的过程。
任何数据都不会离开这台机器。Apache License 2.0。</translation>
    </message>
</context>
<context>
    <name>Activity</name>
    <message>
        <source>Starting the engine</source>
        <translation>正在启动引擎</translation>
    </message>
    <message>
        <source>Reading the checkpoint</source>
        <translation>正在读取检查点</translation>
    </message>
    <message>
        <source>Compiling the CPU kernels once, about 20 s</source>
        <translation>正在编译 CPU 内核（仅此一次，约 20 s）</translation>
    </message>
    <message>
        <source>Loading weights</source>
        <translation>正在加载权重</translation>
    </message>
    <message>
        <source>The model is loaded</source>
        <translation>模型已加载</translation>
    </message>
    <message>
        <source>Model B: {}</source>
        <translation>模型 B：{}</translation>
    </message>
    <message>
        <source>Draft model: {}</source>
        <translation>草稿模型：{}</translation>
    </message>
    <message>
        <source>Encoding the prompt</source>
        <translation>正在编码提示词</translation>
    </message>
    <message>
        <source>Prefilling positions {first}–{last} of {prompt}</source>
        <translation>正在预填充位置 {first}–{last}，共 {prompt} 个</translation>
    </message>
    <message>
        <source>Prefilling the prompt, {} positions</source>
        <translation>正在预填充提示词，{} 个位置</translation>
    </message>
    <message>
        <source>Computing {} positions</source>
        <translation>正在计算 {} 个位置</translation>
    </message>
    <message>
        <source>{words}, {share} done</source>
        <translation>{words}，已完成 {share}</translation>
    </message>
    <message>
        <source>Comparing precisions, {} done</source>
        <translation>正在对比精度，已完成 {}</translation>
    </message>
</context>
<context>
    <name>ActivityControl</name>
    <message>
        <source>The run starts when the model is ready: {}</source>
        <translation>模型就绪后开始运行：{}</translation>
    </message>
    <message>
        <source>Starting the run</source>
        <translation>正在开始运行</translation>
    </message>
    <message>
        <source>Step {step}: {words}</source>
        <translation>第 {step} 步：{words}</translation>
    </message>
    <message>
        <source>Paused before the first step</source>
        <translation>在第一步之前暂停</translation>
    </message>
    <message>
        <source>Running, no request has arrived yet</source>
        <translation>运行中，尚无请求到达</translation>
    </message>
    <message>
        <source>Running, the first step is not finished</source>
        <translation>运行中，第一步尚未完成</translation>
    </message>
</context>
<context>
    <name>AnswerView</name>
    <message>
        <source>Rows of the answer</source>
        <translation>结果的各行</translation>
    </message>
    <message>
        <source>A row with a step, a request or a token selects it in the window</source>
        <translation>选择含有步、请求或 token 的行，会在窗口中选中它</translation>
    </message>
</context>
<context>
    <name>AttachControl</name>
    <message>
        <source>{server} answers. Models: {models}</source>
        <translation>{server} 有应答。模型：{models}</translation>
    </message>
    <message>
        <source>{server} answers.</source>
        <translation>{server} 有应答。</translation>
    </message>
    <message>
        <source>Asking {}…</source>
        <translation>正在询问 {}…</translation>
    </message>
    <message>
        <source>told</source>
        <translation>已提供</translation>
    </message>
    <message>
        <source>missing</source>
        <translation>缺少</translation>
    </message>
    <message>
        <source>not known</source>
        <translation>未知</translation>
    </message>
</context>
<context>
    <name>AttachDialog</name>
    <message>
        <source>Attach to a server</source>
        <translation>连接到服务器</translation>
    </message>
    <message>
        <source>Look</source>
        <translation>查看</translation>
    </message>
    <message>
        <source>off</source>
        <translation>关</translation>
    </message>
    <message>
        <source>What does this server tell?</source>
        <translation>这台服务器提供哪些信息？</translation>
    </message>
    <message>
        <source>Give up</source>
        <translation>放弃</translation>
    </message>
    <message>
        <source>Attach</source>
        <translation>连接</translation>
    </message>
    <message>
        <source>to add it: {}</source>
        <translation>要启用它：{}</translation>
    </message>
    <message>
        <source>&amp;Address</source>
        <translation>地址(&amp;A)</translation>
    </message>
    <message>
        <source>&amp;Key</source>
        <translation>密钥(&amp;K)</translation>
    </message>
    <message>
        <source>&amp;Model</source>
        <translation>模型(&amp;M)</translation>
    </message>
    <message>
        <source>A run</source>
        <translation>运行时</translation>
    </message>
    <message>
        <source>&amp;Logprobs</source>
        <translation>对数概率(&amp;L)</translation>
    </message>
    <message>
        <source>&amp;Recorder</source>
        <translation>记录器(&amp;R)</translation>
    </message>
    <message>
        <source>KV &amp;events</source>
        <translation>KV 事件(&amp;E)</translation>
    </message>
    <message>
        <source>Address</source>
        <translation>地址</translation>
    </message>
    <message>
        <source>An http or https address of an OpenAI-compatible server</source>
        <translation>兼容 OpenAI 接口的服务器的 http 或 https 地址</translation>
    </message>
    <message>
        <source>Ask the server what it is and which models it has</source>
        <translation>询问服务器：它是什么，有哪些模型</translation>
    </message>
    <message>
        <source>Key</source>
        <translation>密钥</translation>
    </message>
    <message>
        <source>Sent to this server only, and stored nowhere</source>
        <translation>只发送给这台服务器，不保存在任何地方</translation>
    </message>
    <message>
        <source>Model</source>
        <translation>模型</translation>
    </message>
    <message>
        <source>The name by which the server serves the model</source>
        <translation>服务器提供该模型所用的名称</translation>
    </message>
    <message>
        <source>Logprobs</source>
        <translation>对数概率</translation>
    </message>
    <message>
        <source>How many alternatives each token comes with; 0: its own logprob only</source>
        <translation>每个 token 附带多少个备选 token；0：只有它自己的对数概率</translation>
    </message>
    <message>
        <source>Recorder</source>
        <translation>记录器</translation>
    </message>
    <message>
        <source>Where the recorder inside vLLM listens: a socket&apos;s path, tcp://HOST:PORT, or none</source>
        <translation>vLLM 内的记录器监听的位置：套接字路径、tcp://HOST:PORT 或 none</translation>
    </message>
    <message>
        <source>KV events</source>
        <translation>KV 事件</translation>
    </message>
    <message>
        <source>Where the server publishes its KV events over ZMQ</source>
        <translation>服务器通过 ZMQ 发布 KV 事件的地址</translation>
    </message>
    <message>
        <source>Look at everything that the server offers; sends it one request for one token</source>
        <translation>查看服务器提供的全部信息；会向它发送一个只要一个 token 的请求</translation>
    </message>
    <message>
        <source>What the server tells</source>
        <translation>服务器提供的信息</translation>
    </message>
    <message>
        <source>What was found, and which flag adds what is missing</source>
        <translation>查到了什么，以及用哪个参数补上缺少的</translation>
    </message>
    <message>
        <source>Do not wait for the server any longer</source>
        <translation>不再等待服务器</translation>
    </message>
    <message>
        <source>Record this server in place of DecodeScope&apos;s own engine</source>
        <translation>记录这台服务器，代替 DecodeScope 自带的引擎</translation>
    </message>
    <message>
        <source>Close without attaching</source>
        <translation>关闭，不连接</translation>
    </message>
    <message>
        <source>Send these prompts</source>
        <translation>发送这里的提示词</translation>
    </message>
    <message>
        <source>Watch what others send</source>
        <translation>只观察别人发送的请求</translation>
    </message>
    <message>
        <source>A run sends the prompt or the request list of the run panel</source>
        <translation>运行时发送运行面板中的提示词或请求列表</translation>
    </message>
    <message>
        <source>A run records what others send, until Stop</source>
        <translation>运行时记录别人发送的请求，直到按“停止”</translation>
    </message>
    <message>
        <source>the first that the server lists</source>
        <translation>服务器列出的第一个</translation>
    </message>
    <message>
        <source>empty: from DECODESCOPE_API_KEY or OPENAI_API_KEY</source>
        <translation>留空：取自 DECODESCOPE_API_KEY 或 OPENAI_API_KEY</translation>
    </message>
    <message>
        <source>found by itself on this machine</source>
        <translation>在本机上自动查找</translation>
    </message>
    <message>
        <source>none, or an address such as {}</source>
        <translation>无，或如 {} 的地址</translation>
    </message>
</context>
<context>
    <name>AttentionGaps</name>
    <message>
        <source>Step {step} recorded no attention. {way}</source>
        <translation>第 {step} 步没有记录注意力。{way}</translation>
    </message>
    <message>
        <source>Step {step} recorded {place} only. To have this one, choose it and run the prompt again.</source>
        <translation>第 {step} 步只记录了{place}。要得到这一行，请选中它并重新运行提示词。</translation>
    </message>
    <message>
        <source>Their steps recorded no attention. {way}</source>
        <translation>这些步没有记录注意力。{way}</translation>
    </message>
    <message>
        <source>Their steps recorded another layer or head. To have them, choose it and run the prompt again.</source>
        <translation>这些步记录的是别的层或头。要得到这些行，请选定后重新运行提示词。</translation>
    </message>
    <message>
        <source>{n} rows are missing. {reason}</source>
        <translation>缺少 {n} 行。{reason}</translation>
    </message>
    <message>
        <source>Of a long prompt a step records the last {rows} rows, and more while they fit into {room}. {way}</source>
        <translation>提示词很长时，每一步只记录最后 {rows} 行；未超过 {room} 时会多记一些。{way}</translation>
    </message>
    <message>
        <source>One head instead of all leaves room for more.</source>
        <translation>只记录一个头而不是全部，可以多记一些。</translation>
    </message>
    <message>
        <source>A shorter prompt is recorded whole.</source>
        <translation>较短的提示词会完整记录。</translation>
    </message>
    <message>
        <source>It has not been a query yet.</source>
        <translation>它还没有作为查询。</translation>
    </message>
    <message>
        <source>K and V came from the cache of an earlier prompt, so nothing was computed there. With kv = contiguous every prompt is computed.</source>
        <translation>K 和 V 取自先前提示词的缓存，因此那里没有计算。kv = contiguous 时，每个提示词都会计算。</translation>
    </message>
    <message>
        <source>The engine&apos;s queue was full and dropped {n} rows. Record one head, or fewer requests at once.</source>
        <translation>引擎的队列已满，丢弃了 {n} 行。请只记录一个头，或减少同时运行的请求。</translation>
    </message>
    <message>
        <source>The session does not say why. A new run records the layer and head chosen in Attention.</source>
        <translation>会话没有说明原因。重新运行会记录“注意力”面板中选定的层和头。</translation>
    </message>
    <message>
        <source>To have it, tick “Record attention of the selected head” and run the prompt again.</source>
        <translation>要得到它，请勾选“记录所选头的注意力”，然后重新运行提示词。</translation>
    </message>
    <message>
        <source>all heads of layer {layer}</source>
        <translation>第 {layer} 层的所有头</translation>
    </message>
    <message>
        <source>layer {layer}, head {head}</source>
        <translation>第 {layer} 层头 {head}</translation>
    </message>
</context>
<context>
    <name>AttentionMap</name>
    <message>
        <source>← query position</source>
        <translation>← 查询位置</translation>
    </message>
    <message>
        <source>key position →</source>
        <translation>键位置 →</translation>
    </message>
    <message>
        <source>Attention map: rows are queries, columns are keys</source>
        <translation>注意力图：行是查询，列是键</translation>
    </message>
</context>
<context>
    <name>AttentionPanel</name>
    <message>
        <source>Rows that are missing, and why</source>
        <translation>缺少的行及原因</translation>
    </message>
    <message>
        <source>Only DecodeScope&apos;s own engine records attention.</source>
        <translation>只有 DecodeScope 自己的引擎会记录注意力。</translation>
    </message>
    <message>
        <source>reading…</source>
        <translation>读取中…</translation>
    </message>
    <message>
        <source>layer {layer} · {head}</source>
        <translation>第 {layer} 层 · {head}</translation>
    </message>
    <message>
        <source>pooled {n} × {n}</source>
        <translation>{n} × {n} 池化</translation>
    </message>
    <message>
        <source>Run a prompt and the attention of one head appears here, a row a token.</source>
        <translation>运行提示词后，一个注意力头的注意力会在此出现，每个 token 一行。</translation>
    </message>
    <message>
        <source>mean of {n} heads ƒ</source>
        <translation>{n} 个头的平均 ƒ</translation>
    </message>
    <message>
        <source>a cell is the largest of {n} × {n} positions</source>
        <translation>每格取 {n} × {n} 个位置中的最大值</translation>
    </message>
    <message>
        <source>No attention of layer {layer}, {head} was recorded; tick “Record attention of the selected head” and run the prompt again.</source>
        <translation>没有记录此处的注意力（第 {layer} 层，{head}）；请勾选“记录所选头的注意力”，然后重新运行提示。</translation>
    </message>
    <message>
        <source>No attention of layer {layer}, {head} is recorded yet; once it is chosen above, rows appear with the engine&apos;s next steps.</source>
        <translation>尚未记录第 {layer} 层、{head} 的注意力；在上方选定后，引擎后续各步会给出新行。</translation>
    </message>
    <message>
        <source>Of request {id} nothing was recorded.</source>
        <translation>请求 {id} 没有任何记录。</translation>
    </message>
    <message>
        <source>Recorded: {maps}.</source>
        <translation>已记录：{maps}。</translation>
    </message>
    <message>
        <source>mean of the heads</source>
        <translation>各头平均</translation>
    </message>
    <message>
        <source>head {n}</source>
        <translation>头 {n}</translation>
    </message>
    <message>
        <source>Nothing chose the first token.</source>
        <translation>第一个 token 不是选出来的。</translation>
    </message>
    <message>
        <source>Newest row: {token} looks at</source>
        <translation>最新一行：{token}</translation>
    </message>
    <message>
        <source>{token} looks at</source>
        <translation>{token}</translation>
    </message>
    <message>
        <source>No row of {token} is recorded.</source>
        <translation>没有记录 {token} 的行。</translation>
    </message>
    <message>
        <source>{some} of {rows} ●</source>
        <translation>{some}/{rows} ●</translation>
    </message>
    <message>
        <source>Newest row: {token}, which chose {next}, looks at</source>
        <translation>最新一行：选出 {next} 的 {token}</translation>
    </message>
    <message>
        <source>{token}, which chose {next}, looks at</source>
        <translation>选出 {next} 的 {token}</translation>
    </message>
    <message>
        <source>no token: the probabilities of this row are not finite</source>
        <translation>不关注任何 token：此行的概率不是有限数</translation>
    </message>
    <message>
        <source>most at {token}, {share} · entropy {nats} nats ƒ · 90 % of it on {few} of the {all} tokens up to it ƒ</source>
        <translation>最关注 {token}，{share} · 熵 {nats} nats ƒ · 其中 90 % 落在截至它的 {all} 个 token 中的 {few} 个上 ƒ</translation>
    </message>
    <message>
        <source>queries {a}-{b} look at keys {c}-{d}: at most {share}  ● measured</source>
        <translation>查询 {a}-{b} 对键 {c}-{d}：最多 {share}  ● 实测</translation>
    </message>
    <message>
        <source>● measured</source>
        <translation>● 实测</translation>
    </message>
    <message>
        <source>ƒ mean of measured heads</source>
        <translation>ƒ 实测各头的平均</translation>
    </message>
    <message>
        <source>{query} looks at {key}: {share}  {mark}</source>
        <translation>{query} 关注 {key}：{share}  {mark}</translation>
    </message>
</context>
<context>
    <name>AttentionTools</name>
    <message>
        <source>&amp;Layer</source>
        <translation>层(&amp;L)</translation>
    </message>
    <message>
        <source>&amp;Head</source>
        <translation>头(&amp;H)</translation>
    </message>
    <message>
        <source>Layer</source>
        <translation>层</translation>
    </message>
    <message>
        <source>The layer whose attention is recorded and shown; layers count from 0.</source>
        <translation>记录并显示其注意力的层；层从 0 开始计数。</translation>
    </message>
    <message>
        <source>Head</source>
        <translation>头</translation>
    </message>
    <message>
        <source>The head whose attention is recorded and shown, or the mean of all heads.</source>
        <translation>记录并显示其注意力的头，或所有头的平均。</translation>
    </message>
    <message>
        <source>&amp;All heads</source>
        <translation>所有头(&amp;A)</translation>
    </message>
    <message>
        <source>Record every head of the layer from the next step on, and show them side by side with their entropy.</source>
        <translation>从下一步起记录该层的每个头，并将它们与各自的熵并排显示。</translation>
    </message>
    <message>
        <source>Lo&amp;g</source>
        <translation>对数(&amp;G)</translation>
    </message>
    <message>
        <source>Logarithmic scale</source>
        <translation>对数刻度</translation>
    </message>
    <message>
        <source>Colours follow the logarithm of the probability, so that small ones show.</source>
        <translation>颜色取概率的对数，使小概率也能看见。</translation>
    </message>
    <message>
        <source>colours to 1</source>
        <translation>颜色到 1</translation>
    </message>
    <message>
        <source>colours to p{}</source>
        <translation>颜色到 p{}</translation>
    </message>
    <message>
        <source>Percentile at which the colours end</source>
        <translation>颜色终止的百分位</translation>
    </message>
    <message>
        <source>The colours end at this percentile of the map, so that a few large values do not hide the rest. Larger ones have a colour of their own, which the colour bar shows.</source>
        <translation>颜色到图中此百分位为止，使少数大值不会掩盖其余部分。更大的值另用一种颜色，见色标。</translation>
    </message>
    <message>
        <source>Follow</source>
        <translation>跟随</translation>
    </message>
    <message>
        <source>Follow the map as it grows</source>
        <translation>随图的增长而跟随</translation>
    </message>
    <message>
        <source>Show the whole map again and follow it as it grows (F).</source>
        <translation>重新显示整张图并随其增长而跟随（F）。</translation>
    </message>
    <message>
        <source>mean</source>
        <translation>平均</translation>
    </message>
</context>
<context>
    <name>BatchPanel</name>
    <message>
        <source>Slots of the batch over the steps</source>
        <translation>各步中批次的槽位</translation>
    </message>
    <message>
        <source>Run &amp;both</source>
        <translation>运行两者(&amp;B)</translation>
    </message>
    <message>
        <source>Run the same {n} requests of very different lengths on {slots} slots: static, then continuous. The first four have 20, 10, 24 and 7 tokens.</source>
        <translation>在 {slots} 个槽位上运行同样的 {n} 个长短悬殊的请求：先静态，后连续。前四个为 20、10、24 和 7 个 token。</translation>
    </message>
    <message>
        <source>Canc&amp;el</source>
        <translation>取消(&amp;E)</translation>
    </message>
    <message>
        <source>End the run; what was recorded is kept.</source>
        <translation>结束运行；已记录的内容会保留。</translation>
    </message>
    <message>
        <source>Runs done</source>
        <translation>已完成的运行</translation>
    </message>
    <message>
        <source>Who was in which step can be told only from inside the server.</source>
        <translation>每一步里有哪些请求，只有从服务器内部才能得知。</translation>
    </message>
    <message>
        <source>The server has told of no step yet.</source>
        <translation>服务器尚未提供任何一步的信息。</translation>
    </message>
    <message>
        <source>Press “Run both” and {n} requests run on {slots} slots, static and then continuous: a lane a slot, each request in its colour, padding hatched.</source>
        <translation>按“运行两者”，{n} 个请求会在 {slots} 个槽位上先静态、后连续地运行：每个槽位一条泳道，每个请求一种颜色，填充画斜线。</translation>
    </message>
    <message>
        <source>continuous: tokens {rate}× as fast {mark}, TTFT {ttft}× shorter {mark}</source>
        <translation>连续：token 速率 {rate}× {mark}，TTFT 缩短到 1/{ttft} {mark}</translation>
    </message>
    <message>
        <source>{policy}: {useful} slot-steps useful {mark}, padding not told by this server</source>
        <translation>{policy}：{useful} 个有用的槽步 {mark}，此服务器未提供填充</translation>
    </message>
    <message>
        <source>{policy}: {useful} of {computed} slot-steps useful {mark}, {share} wasted {derived}</source>
        <translation>{policy}：{computed} 个槽步中 {useful} 个有用 {mark}，浪费 {share} {derived}</translation>
    </message>
    <message>
        <source>{policy}, steps {first}–{last}</source>
        <translation>{policy}，第 {first}–{last} 步</translation>
    </message>
    <message>
        <source>%v of %m runs</source>
        <translation>第 %v 次，共 %m 次运行</translation>
    </message>
    <message>
        <source>A slot-step is one lane in one step, useful where a request was in it. The lanes are DecodeScope&apos;s own numbering: a server tells no slots, nor padding.</source>
        <translation>槽步是一条泳道的一步，其中有请求时为有用。泳道由 DecodeScope 自行编号：服务器不提供槽位，也不提供填充。</translation>
    </message>
    <message>
        <source>A slot-step is one row of the batch in one step: useful for a request, padding for none, or idle.</source>
        <translation>槽步是批次中一行的一步：对某个请求有用、不属于任何请求的填充，或空闲。</translation>
    </message>
    <message>
        <source>step {}: {} waiting {}</source>
        <translation>第 {} 步：{} 个在等待 {}</translation>
    </message>
    <message>
        <source>requests {}</source>
        <translation>请求 {}</translation>
    </message>
    <message>
        <source>step {}, slot {}</source>
        <translation>第 {} 步，槽位 {}</translation>
    </message>
    <message>
        <source>step {}, lane {}</source>
        <translation>第 {} 步，泳道 {}</translation>
    </message>
    <message>
        <source>no request in this lane</source>
        <translation>此泳道中没有请求</translation>
    </message>
    <message>
        <source>idle: nothing was computed in this slot</source>
        <translation>空闲：此槽位没有计算任何内容</translation>
    </message>
    <message>
        <source>padding: computed because others in the batch go on, and thrown away</source>
        <translation>填充：因批次中其他请求仍在继续而计算，结果被丢弃</translation>
    </message>
    <message>
        <source>preempted after this step; it came back in step {}</source>
        <translation>在此步之后被抢占；在第 {} 步回来</translation>
    </message>
    <message>
        <source>{number} (request {own} of this session)</source>
        <translation>{number}（本会话的请求 {own}）</translation>
    </message>
    <message>
        <source>{} positions of padding {}</source>
        <translation>{} 个填充位置 {}</translation>
    </message>
    <message>
        <source>request {request}: position {first}</source>
        <translation>请求 {request}：位置 {first}</translation>
    </message>
    <message>
        <source>request {request}: positions {first}–{last}</source>
        <translation>请求 {request}：位置 {first}–{last}</translation>
    </message>
    <message>
        <source>{} new</source>
        <translation>新 {}</translation>
    </message>
    <message>
        <source>{} recomputed</source>
        <translation>重复计算 {}</translation>
    </message>
    <message>
        <source>{} rejected</source>
        <translation>被拒绝 {}</translation>
    </message>
    <message>
        <source>{} reused</source>
        <translation>复用 {}</translation>
    </message>
</context>
<context>
    <name>BeforeAfter</name>
    <message>
        <source>KV cache</source>
        <translation>KV 缓存</translation>
    </message>
    <message>
        <source>Keeps keys and values, so that a step computes the new token only.</source>
        <translation>保留键和值，使每一步只计算新的 token。</translation>
    </message>
    <message>
        <source>Speculation, draft model</source>
        <translation>推测解码，草稿模型</translation>
    </message>
    <message>
        <source>A smaller model proposes tokens, and one pass of the large one checks them all.</source>
        <translation>小模型提出 token，大模型一次前向全部验证。</translation>
    </message>
    <message>
        <source>Speculation, n-grams</source>
        <translation>推测解码，n-gram</translation>
    </message>
    <message>
        <source>What followed the same words before is proposed, and one pass checks it.</source>
        <translation>提出先前相同词语之后的内容，并用一次前向验证。</translation>
    </message>
    <message>
        <source>PyTorch&apos;s fused kernels in place of scores, softmax and sum one by one.</source>
        <translation>用 PyTorch 的融合内核代替逐个进行的打分、softmax 和求和。</translation>
    </message>
    <message>
        <source>This project&apos;s tiled kernels in place of scores, softmax and sum one by one.</source>
        <translation>用本项目的分块内核代替逐个进行的打分、softmax 和求和。</translation>
    </message>
    <message>
        <source>This project&apos;s tiled kernels for a CPU in place of scores, softmax and sum one by one.</source>
        <translation>用本项目面向 CPU 的分块内核代替逐个进行的打分、softmax 和求和。</translation>
    </message>
    <message>
        <source>Continuous batching</source>
        <translation>连续批处理</translation>
    </message>
    <message>
        <source>Four requests of different lengths together, joining and leaving at every step.</source>
        <translation>四个长度不同的请求一起运行，每一步都可加入和离开。</translation>
    </message>
    <message>
        <source>Step launched as one</source>
        <translation>整步一次启动</translation>
    </message>
    <message>
        <source>A decode step is one native call over all layers on a CPU, and one CUDA graph of kernels on a GPU.</source>
        <translation>一个解码步在 CPU 上是遍历所有层的一次原生调用，在 GPU 上是由内核组成的一张 CUDA 图。</translation>
    </message>
    <message>
        <source>tokens a second</source>
        <translation>每秒 token 数</translation>
    </message>
    <message>
        <source>Scores written out are a matrix of the context&apos;s length squared for each head; tiles never hold it. Counted: the tensors that the attention of a layer makes and holds at once, and its kernel&apos;s own buffers.</source>
        <translation>逐步写出的分数是每个头一个“上下文长度的平方”大小的矩阵；分块计算从不保存它。计入：一层注意力同时持有的张量，以及内核自己的缓冲区。</translation>
    </message>
    <message>
        <source>Paged cache: memory</source>
        <translation>分页缓存：内存</translation>
    </message>
    <message>
        <source>Nobody knows how long an answer becomes. A contiguous cache reserves for the longest that is allowed, a paged one takes block after block as requests grow.</source>
        <translation>没有人事先知道回答会有多长。连续缓存按允许的最大长度预留，分页缓存随请求增长逐块取用。</translation>
    </message>
    <message>
        <source>Paged cache: requests that fit</source>
        <translation>分页缓存：可容纳的请求</translation>
    </message>
    <message>
        <source>The same runs: both caches have the same memory, and as many requests run as fit into it; others wait.</source>
        <translation>同样的运行：两种缓存的内存相同，能放下多少请求就同时运行多少，其余等待。</translation>
    </message>
    <message>
        <source>Fused attention (sdpa): time</source>
        <translation>融合注意力（sdpa）：时间</translation>
    </message>
    <message>
        <source>FlashAttention (triton): time</source>
        <translation>FlashAttention（triton）：时间</translation>
    </message>
    <message>
        <source>FlashAttention (triton): memory</source>
        <translation>FlashAttention（triton）：内存</translation>
    </message>
    <message>
        <source>FlashAttention (native): time</source>
        <translation>FlashAttention（native）：时间</translation>
    </message>
    <message>
        <source>FlashAttention (native): memory</source>
        <translation>FlashAttention（native）：内存</translation>
    </message>
    <message>
        <source>KV memory in use, of what is reserved, while others wait</source>
        <translation>有请求等待时，预留的 KV 内存中已用的比例</translation>
    </message>
    <message>
        <source>requests in a step while others wait, on average</source>
        <translation>有请求等待时，平均每步的请求数</translation>
    </message>
    <message>
        <source>attention&apos;s time in the whole run</source>
        <translation>整个运行中注意力的时间</translation>
    </message>
    <message>
        <source>most memory of one layer&apos;s attention</source>
        <translation>单层注意力的最大内存</translation>
    </message>
    <message>
        <source>{prompt} + {made} tokens</source>
        <translation>{prompt} + {made} 个 token</translation>
    </message>
    <message>
        <source>{n} requests, {prompt} + {made} tokens</source>
        <translation>{n} 个请求，{prompt} + {made} 个 token</translation>
    </message>
    <message>
        <source>of at most {most}</source>
        <translation>（最多 {most}）</translation>
    </message>
    <message>
        <source>in {memory} of KV</source>
        <translation>KV 内存 {memory}</translation>
    </message>
    <message>
        <source>{n} alike</source>
        <translation>各 {n} 个</translation>
    </message>
    <message>
        <source>Improvement</source>
        <translation>改进</translation>
    </message>
    <message>
        <source>What is switched on.</source>
        <translation>开启的内容。</translation>
    </message>
    <message>
        <source>Measure</source>
        <translation>度量</translation>
    </message>
    <message>
        <source>What it is expected to improve.</source>
        <translation>预期改进的内容。</translation>
    </message>
    <message>
        <source>Ran ●</source>
        <translation>运行内容 ●</translation>
    </message>
    <message>
        <source>The requests of both sides: tokens of the prompt + tokens generated. The paged cache and attention&apos;s kernels have requests of their own.</source>
        <translation>两边运行的请求：提示词的 token 数 + 生成的 token 数。分页缓存和注意力内核各用自己的请求。</translation>
    </message>
    <message>
        <source>Off ●</source>
        <translation>关闭 ●</translation>
    </message>
    <message>
        <source>Median of the repeats without it, and the least and most of them, measured.</source>
        <translation>关闭时各次重复的中位数及其最小和最大值，实测。</translation>
    </message>
    <message>
        <source>On ●</source>
        <translation>开启 ●</translation>
    </message>
    <message>
        <source>Median of the repeats with it, and the least and most of them, measured.</source>
        <translation>开启时各次重复的中位数及其最小和最大值，实测。</translation>
    </message>
    <message>
        <source>Factor ƒ</source>
        <translation>倍数 ƒ</translation>
    </message>
    <message>
        <source>How many times better it is with it; above 1 is better, whatever is measured.</source>
        <translation>开启后好多少倍；无论度量什么，大于 1 都是更好。</translation>
    </message>
    <message>
        <source>Reference ~</source>
        <translation>参考值 ~</translation>
    </message>
    <message>
        <source>The factor that the reference claims.</source>
        <translation>参考文档给出的倍数。</translation>
    </message>
    <message>
        <source>Tokens</source>
        <translation>Token</translation>
    </message>
    <message>
        <source>Whether every run gave the same tokens, as greedy decoding in float32 must.</source>
        <translation>每次运行是否得到相同的 token；float32 的贪心解码必须如此。</translation>
    </message>
    <message>
        <source>the same</source>
        <translation>相同</translation>
    </message>
    <message>
        <source>different</source>
        <translation>不同</translation>
    </message>
    <message>
        <source>not measured: press “Measure all”</source>
        <translation>未测量：请按“全部测量”</translation>
    </message>
    <message>
        <source>not measured yet</source>
        <translation>尚未测量</translation>
    </message>
    <message>
        <source>cannot run here: {reason}</source>
        <translation>无法在此运行：{reason}</translation>
    </message>
</context>
<context>
    <name>BeforeAfterPanel</name>
    <message>
        <source>&amp;Measure all</source>
        <translation>全部测量(&amp;M)</translation>
    </message>
    <message>
        <source>Run every improvement off and on, in turn and several times, and keep the runs as one session.</source>
        <translation>轮流多次运行每项改进的关闭与开启，并把这些运行保存为一个会话。</translation>
    </message>
    <message>
        <source>&amp;Cancel</source>
        <translation>取消(&amp;C)</translation>
    </message>
    <message>
        <source>End the measurement; what was measured is kept.</source>
        <translation>结束测量；已测得的结果会保留。</translation>
    </message>
    <message>
        <source>Tokens that each run generates</source>
        <translation>每次运行生成的 token 数</translation>
    </message>
    <message>
        <source>How many tokens each run generates; in a batch the longest request has 1.2 times as many.</source>
        <translation>每次运行生成多少个 token；批处理中最长的请求为其 1.2 倍。</translation>
    </message>
    <message>
        <source>To&amp;kens</source>
        <translation>token 数(&amp;K)</translation>
    </message>
    <message>
        <source>Runs measured</source>
        <translation>已测量的运行</translation>
    </message>
    <message>
        <source>Improvements, off and on</source>
        <translation>各项改进，关闭与开启</translation>
    </message>
    <message>
        <source>Measured factors beside the reference</source>
        <translation>实测倍数与参考值</translation>
    </message>
    <message>
        <source>times better, measured ƒ; the reference as a band ~</source>
        <translation>改善的倍数，实测 ƒ；参考值以带状表示 ~</translation>
    </message>
    <message>
        <source>Measured: {tokens} greedy tokens after “{prompt}”, timed {repeats} times after a run that warms up</source>
        <translation>已测量：“{prompt}”之后贪心生成 {tokens} 个 token，预热一次后计时 {repeats} 次</translation>
    </message>
    <message>
        <source>Measures {tokens} greedy tokens after “{prompt}”, timed {repeats} times after a run that warms up</source>
        <translation>将测量：“{prompt}”之后贪心生成 {tokens} 个 token，预热一次后计时 {repeats} 次</translation>
    </message>
    <message>
        <source>Measuring an improvement off and on needs DecodeScope&apos;s own engine; a server&apos;s switches stay as they are.</source>
        <translation>要在关闭与开启之间测量一项改进，需要 DecodeScope 自己的引擎；服务器的开关保持不变。</translation>
    </message>
    <message>
        <source>{n} measured · most: {name} {factor}× ƒ</source>
        <translation>已测 {n} 项 · 最大：{name} {factor}× ƒ</translation>
    </message>
    <message>
        <source>Press “Measure all” and what each improvement buys here appears beside the reference.</source>
        <translation>按“全部测量”，每项改进在本机的效果会与参考值并列显示。</translation>
    </message>
    <message>
        <source>The reference names no factor for this.</source>
        <translation>参考文档没有给出这一项的倍数。</translation>
    </message>
    <message>
        <source>%v of %m runs</source>
        <translation>%v / %m 次运行</translation>
    </message>
</context>
<context>
    <name>BlockMap</name>
    <message>
        <source>Block map of the paged cache</source>
        <translation>分页缓存的块图</translation>
    </message>
    <message>
        <source>a cell is the busiest of {n} blocks</source>
        <translation>每格代表 {n} 个块中最忙的一个</translation>
    </message>
    <message>
        <source>request {id}: {n}</source>
        <translation>请求 {id}：{n}</translation>
    </message>
    <message>
        <source>shared: {}</source>
        <translation>共享：{}</translation>
    </message>
    <message>
        <source>kept: {}</source>
        <translation>保留：{}</translation>
    </message>
    <message>
        <source>evictable: {}</source>
        <translation>可驱逐：{}</translation>
    </message>
    <message>
        <source>free: {}</source>
        <translation>空闲：{}</translation>
    </message>
    <message>
        <source>and {} more</source>
        <translation>另有 {} 项</translation>
    </message>
</context>
<context>
    <name>BlockPage</name>
    <message>
        <source>Internal fragmentation over the steps</source>
        <translation>各步的内部碎片</translation>
    </message>
    <message>
        <source>Internal fragmentation: the share of what requests hold that is not filled.</source>
        <translation>内部碎片率：请求所占内存中未写入的比例。</translation>
    </message>
    <message>
        <source>What happened to its blocks was not recorded: a session of several runs keeps none of it.</source>
        <translation>没有记录其块的变化：由多次运行组成的会话不保存这些。</translation>
    </message>
    <message>
        <source>Step {step} ran without blocks (kv is {kv}). Choose kv = paged in the run panel, and the map of its blocks appears here.</source>
        <translation>第 {step} 步没有使用块（kv 为 {kv}）。在运行面板中选择 kv = paged，块图就会显示在这里。</translation>
    </message>
    <message>
        <source>after step {step}: {blocks} blocks of {size} positions {measured} · {held} held, {shared} of them shared · {evictable} evictable · {free} free</source>
        <translation>第 {step} 步之后：{blocks} 个块，每块 {size} 个位置 {measured} · 占用 {held}，其中共享 {shared} · 可驱逐 {evictable} · 空闲 {free}</translation>
    </message>
    <message>
        <source>{kept} kept for a batch that goes on</source>
        <translation>{kept} 个为未结束的批次保留</translation>
    </message>
    <message>
        <source>held blocks {fill} full {derived}</source>
        <translation>占用的块填充 {fill} {derived}</translation>
    </message>
    <message>
        <source>block {block}: free {mark}</source>
        <translation>块 {block}：空闲 {mark}</translation>
    </message>
    <message>
        <source>positions {first}–{last}, {fill} of {size} written {mark}</source>
        <translation>位置 {first}–{last}，已写入 {fill}/{size} {mark}</translation>
    </message>
    <message>
        <source>block {block}: evictable, kept in case its text comes again</source>
        <translation>块 {block}：可驱逐，保留以备同样的文本再次出现</translation>
    </message>
    <message>
        <source>block {block}: kept, as the batch of its requests that have ended goes on: {requests}</source>
        <translation>块 {block}：保留，其已结束的请求所在批次仍在继续：{requests}</translation>
    </message>
    <message>
        <source>block {block}: request {request}</source>
        <translation>块 {block}：请求 {request}</translation>
    </message>
    <message>
        <source>block {block}: shared by requests {requests}</source>
        <translation>块 {block}：由请求 {requests} 共享</translation>
    </message>
    <message>
        <source>after step {step}: internal fragmentation {share} {mark}</source>
        <translation>第 {step} 步之后：内部碎片率 {share} {mark}</translation>
    </message>
    <message>
        <source>1 − used/held {} {}</source>
        <translation>1 − 已用/占用 {} {}</translation>
    </message>
    <message>
        <source>internal fragmentation over the steps · figure after step {}, the last</source>
        <translation>各步的内部碎片率 · 数值为第 {} 步（最后一步）之后</translation>
    </message>
    <message>
        <source>step</source>
        <translation>步</translation>
    </message>
</context>
<context>
    <name>ColourBar</name>
    <message>
        <source>Colour scale of the attention probability</source>
        <translation>注意力概率的色标</translation>
    </message>
    <message>
        <source>Attention probability: how much of its attention a query gives to a key (0 to 1).</source>
        <translation>注意力概率：查询分给某个键的注意力（0 到 1）。</translation>
    </message>
    <message>
        <source>The scale ends at {top}, the {percentile}th percentile of the cells that are drawn. Larger values have the colour of the field above the bar.</source>
        <translation>色标到 {top} 为止，即所绘各格的第 {percentile} 百分位。更大的值用色标上方小格的颜色。</translation>
    </message>
    <message>
        <source>&gt; p{}</source>
        <translation>&gt; p{}</translation>
    </message>
</context>
<context>
    <name>CommandPalette</name>
    <message>
        <source>Type a command</source>
        <translation>输入命令</translation>
    </message>
    <message>
        <source>Command</source>
        <translation>命令</translation>
    </message>
    <message>
        <source>Commands</source>
        <translation>命令</translation>
    </message>
    <message>
        <source>No command has these words.</source>
        <translation>没有命令包含这些词。</translation>
    </message>
    <message>
        <source>✓ now</source>
        <translation>✓ 当前</translation>
    </message>
</context>
<context>
    <name>CompareCharts</name>
    <message>
        <source>Quantity</source>
        <translation>物理量</translation>
    </message>
    <message>
        <source>What the first chart shows of A and B</source>
        <translation>第一幅图显示 A 与 B 的哪个量</translation>
    </message>
    <message>
        <source>Aligned by</source>
        <translation>对齐方式</translation>
    </message>
    <message>
        <source>by token</source>
        <translation>按 token</translation>
    </message>
    <message>
        <source>by step</source>
        <translation>按步</translation>
    </message>
    <message>
        <source>The axis counts the tokens that a side has emitted</source>
        <translation>横轴为该侧已发出的 token 数</translation>
    </message>
    <message>
        <source>The axis counts the steps of a side</source>
        <translation>横轴为该侧的步数</translation>
    </message>
    <message>
        <source>&amp;Show</source>
        <translation>显示(&amp;S)</translation>
    </message>
    <message>
        <source>over tokens</source>
        <translation>（按 token）</translation>
    </message>
    <message>
        <source>over steps</source>
        <translation>（按步）</translation>
    </message>
    <message>
        <source>A solid, B dashed</source>
        <translation>A 实线，B 虚线</translation>
    </message>
    <message>
        <source> · means of {} steps</source>
        <translation> · 每 {} 步的均值</translation>
    </message>
    <message>
        <source>{}: not told</source>
        <translation>{}：未提供</translation>
    </message>
    <message>
        <source>token {}</source>
        <translation>token {}</translation>
    </message>
    <message>
        <source>step {}</source>
        <translation>第 {} 步</translation>
    </message>
</context>
<context>
    <name>CompareControl</name>
    <message>
        <source>Compare with a session</source>
        <translation>与会话对比</translation>
    </message>
</context>
<context>
    <name>CompareControls</name>
    <message>
        <source>Compare &amp;with</source>
        <translation>对比对象(&amp;W)</translation>
    </message>
    <message>
        <source>a recording or a baseline</source>
        <translation>记录或基线</translation>
    </message>
    <message>
        <source>Compare with</source>
        <translation>对比对象</translation>
    </message>
    <message>
        <source>Pinned baselines (★) and recent recordings; the chosen one is B</source>
        <translation>固定的基线（★）与最近的记录；选中的为 B</translation>
    </message>
    <message>
        <source>Compare the baseline &amp;always</source>
        <translation>始终与基线对比(&amp;A)</translation>
    </message>
    <message>
        <source>Compare the newest baseline with whatever the window shows</source>
        <translation>把最新的基线与窗口所显示的内容对比</translation>
    </message>
    <message>
        <source>&amp;File…</source>
        <translation>文件(&amp;F)…</translation>
    </message>
    <message>
        <source>Choose the file of the recording to compare with</source>
        <translation>选择要对比的记录文件</translation>
    </message>
    <message>
        <source>&amp;Pin as baseline…</source>
        <translation>固定为基线(&amp;P)…</translation>
    </message>
    <message>
        <source>Keep what is shown, or its selected steps, as a baseline that others are compared with</source>
        <translation>把当前显示的内容或所选的步固定为基线，供其他记录与之对比</translation>
    </message>
    <message>
        <source>&amp;Unpin</source>
        <translation>取消固定(&amp;U)</translation>
    </message>
    <message>
        <source>The chosen baseline is none any more; its file stays</source>
        <translation>所选基线不再是基线；其文件保留</translation>
    </message>
    <message>
        <source>&amp;Refresh</source>
        <translation>刷新(&amp;R)</translation>
    </message>
    <message>
        <source>Compare again, with the steps that there are now</source>
        <translation>以现有的步再次对比</translation>
    </message>
    <message>
        <source>Give up</source>
        <translation>放弃</translation>
    </message>
    <message>
        <source>Do not wait for this comparison any longer</source>
        <translation>不再等待此对比</translation>
    </message>
    <message>
        <source>Pin as baseline</source>
        <translation>固定为基线</translation>
    </message>
    <message>
        <source>Name</source>
        <translation>名称</translation>
    </message>
</context>
<context>
    <name>ComparePanel</name>
    <message>
        <source>Differences of both sides</source>
        <translation>两侧的差异</translation>
    </message>
    <message>
        <source>Requests with the same prompt</source>
        <translation>提示词相同的请求</translation>
    </message>
    <message>
        <source>Copy as &amp;Markdown</source>
        <translation>复制为 Markdown(&amp;M)</translation>
    </message>
    <message>
        <source>Page</source>
        <translation>页面</translation>
    </message>
    <message>
        <source>Differences</source>
        <translation>差异</translation>
    </message>
    <message>
        <source>Charts</source>
        <translation>图表</translation>
    </message>
    <message>
        <source>Explained</source>
        <translation>成因</translation>
    </message>
    <message>
        <source>Requests</source>
        <translation>请求</translation>
    </message>
    <message>
        <source>Each figure of A and B, with an interval</source>
        <translation>A 与 B 的各项数字及其区间</translation>
    </message>
    <message>
        <source>A and B over the same axis</source>
        <translation>A 与 B 画在同一横轴上</translation>
    </message>
    <message>
        <source>Where the difference of the time per token comes from</source>
        <translation>每 token 时间的差异从何而来</translation>
    </message>
    <message>
        <source>The requests of both sides, and where their texts part</source>
        <translation>两侧的请求，及其文本的分歧处</translation>
    </message>
    <message>
        <source>A click, or Enter, shows the token at which a request parts</source>
        <translation>单击或按回车会显示请求产生分歧的 token</translation>
    </message>
    <message>
        <source>Copy the comparison as a table of text</source>
        <translation>将对比复制为文本表格</translation>
    </message>
    <message>
        <source>B against A: {change} tokens/s ƒ</source>
        <translation>B 相对 A：{change} tokens/s ƒ</translation>
    </message>
    <message>
        <source>Run a prompt or open a recording, and compare it here with another one or with a baseline.</source>
        <translation>运行提示词或打开记录，即可在此与另一个记录或基线对比。</translation>
    </message>
    <message>
        <source>Only a session with steps and tokens tells where the time of its tokens went.</source>
        <translation>只有包含步和 token 的会话才能说明 token 的时间花在哪里。</translation>
    </message>
    <message>
        <source>Before the texts part: {}</source>
        <translation>文本分歧之前：{}</translation>
    </message>
    <message>
        <source>Comparing with {}…</source>
        <translation>正在与 {} 对比…</translation>
    </message>
    <message>
        <source>Choose a recording, drop a file here, or pin what is shown to compare other steps with it.</source>
        <translation>选择一个记录、把文件拖放到此处，或固定当前显示的内容以便与其他步对比。</translation>
    </message>
    <message>
        <source>There is more since: it is compared in a moment, or by Refresh.</source>
        <translation>此后又有新数据：稍后自动对比，或按“刷新”。</translation>
    </message>
    <message>
        <source>all steps</source>
        <translation>所有步</translation>
    </message>
    <message>
        <source>steps {first}–{last}</source>
        <translation>第 {first}–{last} 步</translation>
    </message>
    <message>
        <source>Figure</source>
        <translation>数字</translation>
    </message>
    <message>
        <source>What is compared.</source>
        <translation>对比的内容。</translation>
    </message>
    <message>
        <source>The session in the window, or its selected steps.</source>
        <translation>窗口中的会话，或其所选的步。</translation>
    </message>
    <message>
        <source>The chosen recording, or the steps of it that are compared.</source>
        <translation>所选的记录，或其中参与对比的步。</translation>
    </message>
    <message>
        <source>B − A</source>
        <translation>B − A</translation>
    </message>
    <message>
        <source>The absolute difference.</source>
        <translation>绝对差。</translation>
    </message>
    <message>
        <source>relative</source>
        <translation>相对</translation>
    </message>
    <message>
        <source>The difference as a share of A.</source>
        <translation>差值占 A 的比例。</translation>
    </message>
    <message>
        <source>95 % interval</source>
        <translation>95 % 区间</translation>
    </message>
    <message>
        <source>Of the relative difference, by a bootstrap over steps. “—”: counted, so exact, or too few steps.</source>
        <translation>相对差的区间，由对步的自助法（bootstrap）得出。“—”：计数得出因而精确，或步数太少。</translation>
    </message>
    <message>
        <source>◆: a significant difference, and whether B is better or worse.</source>
        <translation>◆：显著差异，以及 B 更好还是更差。</translation>
    </message>
    <message>
        <source>Counted, not measured: there is no chance in it.</source>
        <translation>计数得出，不是测量所得：没有偶然性。</translation>
    </message>
    <message>
        <source>Both sides have too few of these to tell what is chance.</source>
        <translation>两侧的此类数据太少，无法分辨偶然差异。</translation>
    </message>
    <message>
        <source>worse</source>
        <translation>更差</translation>
    </message>
    <message>
        <source>better</source>
        <translation>更好</translation>
    </message>
    <message>
        <source>B is worse, beyond chance</source>
        <translation>B 更差，超出偶然</translation>
    </message>
    <message>
        <source>B is better, beyond chance</source>
        <translation>B 更好，超出偶然</translation>
    </message>
    <message>
        <source>Different, beyond chance</source>
        <translation>有差异，超出偶然</translation>
    </message>
    <message>
        <source>B is slower by this</source>
        <translation>B 因此变慢</translation>
    </message>
    <message>
        <source>B is faster by this</source>
        <translation>B 因此变快</translation>
    </message>
    <message>
        <source>Time per token: A {a} ●, B {b} ●; the difference of {difference} ƒ, by cause</source>
        <translation>每 token 时间：A {a} ●，B {b} ●；差值 {difference} ƒ，按成因拆分</translation>
    </message>
    <message>
        <source>latency</source>
        <translation>延迟</translation>
    </message>
    <message>
        <source>tokens/s</source>
        <translation>tokens/s</translation>
    </message>
    <message>
        <source>KV used</source>
        <translation>KV 已用</translation>
    </message>
    <message>
        <source>KV reserved</source>
        <translation>KV 已预留</translation>
    </message>
    <message>
        <source>positions computed</source>
        <translation>计算的位置</translation>
    </message>
    <message>
        <source>phase {}</source>
        <translation>阶段 {}</translation>
    </message>
    <message>
        <source>From the request&apos;s arrival to its first token, measured.</source>
        <translation>从请求到达到其首个 token（实测）。</translation>
    </message>
    <message>
        <source>The time after a request&apos;s first token, divided by its other tokens, measured.</source>
        <translation>请求首个 token 之后的时间，除以其余 token 的个数（实测）。</translation>
    </message>
    <message>
        <source>Request of A</source>
        <translation>A 的请求</translation>
    </message>
    <message>
        <source>The number of the request in A.</source>
        <translation>该请求在 A 中的编号。</translation>
    </message>
    <message>
        <source>Request of B</source>
        <translation>B 的请求</translation>
    </message>
    <message>
        <source>The number of the one with the same prompt in B.</source>
        <translation>B 中提示词相同的请求的编号。</translation>
    </message>
    <message>
        <source>Same tokens</source>
        <translation>相同 token</translation>
    </message>
    <message>
        <source>How many of the first tokens are the same.</source>
        <translation>开头有多少个 token 相同。</translation>
    </message>
    <message>
        <source>Parts at</source>
        <translation>分歧处</translation>
    </message>
    <message>
        <source>The tokens of A and B where they first differ; sorted by how early that is.</source>
        <translation>A 与 B 首次不同处的 token；按分歧出现的早晚排序。</translation>
    </message>
</context>
<context>
    <name>Counted</name>
    <message>
        <source>1 step</source>
        <translation>1 步</translation>
    </message>
    <message>
        <source>{} steps</source>
        <translation>{} 步</translation>
    </message>
    <message>
        <source>all {} steps</source>
        <translation>全部 {} 步</translation>
    </message>
    <message>
        <source>1 token</source>
        <translation>1 个 token</translation>
    </message>
    <message>
        <source>{} tokens</source>
        <translation>{} 个 token</translation>
    </message>
    <message>
        <source>1 request</source>
        <translation>1 个请求</translation>
    </message>
    <message>
        <source>{} requests</source>
        <translation>{} 个请求</translation>
    </message>
    <message>
        <source>1 layer</source>
        <translation>1 层</translation>
    </message>
    <message>
        <source>{} layers</source>
        <translation>{} 层</translation>
    </message>
    <message>
        <source>1 row</source>
        <translation>1 行</translation>
    </message>
    <message>
        <source>{} rows</source>
        <translation>{} 行</translation>
    </message>
    <message>
        <source>1 outlier</source>
        <translation>1 个离群值</translation>
    </message>
    <message>
        <source>{} outliers</source>
        <translation>{} 个离群值</translation>
    </message>
</context>
<context>
    <name>Delays</name>
    <message>
        <source>Queue</source>
        <translation>排队</translation>
    </message>
    <message>
        <source>Steps ran that computed nothing for the request.</source>
        <translation>有步在运行，却没有为该请求计算任何内容。</translation>
    </message>
    <message>
        <source>Preemption</source>
        <translation>抢占</translation>
    </message>
    <message>
        <source>A request lost its cache: the time without it, and positions computed again.</source>
        <translation>一个请求失去了缓存：没有它的时间，以及重新计算的位置。</translation>
    </message>
    <message>
        <source>Prefill</source>
        <translation>预填充</translation>
    </message>
    <message>
        <source>The step also computed positions of another request&apos;s prompt.</source>
        <translation>该步还计算了另一个请求的提示词位置。</translation>
    </message>
    <message>
        <source>Batch</source>
        <translation>批次</translation>
    </message>
    <message>
        <source>The step had more rows than is usual for the request, or as many with longer contexts.</source>
        <translation>该步的行数比该请求通常的更多，或行数相同而上下文更长。</translation>
    </message>
    <message>
        <source>Speculation</source>
        <translation>推测解码</translation>
    </message>
    <message>
        <source>Drafting, and drafts that the step verified, beyond what is usual.</source>
        <translation>超出通常的起草，以及该步验证的草稿。</translation>
    </message>
    <message>
        <source>Capture or switch</source>
        <translation>捕获或开关</translation>
    </message>
    <message>
        <source>A graph was captured or a switch applied, or steps are slower since a switch.</source>
        <translation>捕获了图，或应用了开关，或自切换开关后各步变慢。</translation>
    </message>
    <message>
        <source>Host</source>
        <translation>主机</translation>
    </message>
    <message>
        <source>The time between two steps was longer than usual.</source>
        <translation>两步之间的时间比通常更长。</translation>
    </message>
    <message>
        <source>Client</source>
        <translation>客户端</translation>
    </message>
    <message>
        <source>The client received the token later than it was emitted.</source>
        <translation>客户端收到 token 的时刻晚于其发出的时刻。</translation>
    </message>
    <message>
        <source>Unexplained</source>
        <translation>未解释</translation>
    </message>
    <message>
        <source>No rule explains it, or it is within the noise of comparable steps.</source>
        <translation>没有规则能解释，或在可比步的噪声之内。</translation>
    </message>
    <message>
        <source>{time} in the queue during {count} steps, from step {step} on</source>
        <translation>{time} 排队等待，共 {count} 步，自第 {step} 步起</translation>
    </message>
    <message>
        <source>{time} preempted, {count} positions computed again in step {step}</source>
        <translation>{time} 被抢占，第 {step} 步重新计算了 {count} 个位置</translation>
    </message>
    <message>
        <source>{time} a prefill chunk of request {request} ({count} positions) in the same step</source>
        <translation>{time} 同一步中请求 {request} 的预填充块（{count} 个位置）</translation>
    </message>
    <message>
        <source>{time} a batch of {count} rows instead of {usual}</source>
        <translation>{time} 批次为 {count} 行，而非通常的 {usual} 行</translation>
    </message>
    <message>
        <source>{time} speculation ({count} drafts)</source>
        <translation>{time} 推测解码（{count} 个草稿）</translation>
    </message>
    <message>
        <source>{time} “{mark}” at step {step}</source>
        <translation>{time} 第 {step} 步的“{mark}”</translation>
    </message>
    <message>
        <source>{time} the host before step {step}</source>
        <translation>{time} 第 {step} 步之前的主机</translation>
    </message>
    <message>
        <source>{time} until the client received it</source>
        <translation>{time} 之后客户端才收到</translation>
    </message>
    <message>
        <source>{time} unexplained</source>
        <translation>{time} 未解释</translation>
    </message>
    <message>
        <source>{time} a prefill chunk of request {request} ({count} positions) in step {step}</source>
        <translation>{time} 第 {step} 步中请求 {request} 的预填充块（{count} 个位置）</translation>
    </message>
    <message>
        <source>{time} request {request}, of which {count} positions were computed again in step {step}</source>
        <translation>{time} 请求 {request}，其 {count} 个位置在第 {step} 步重新计算</translation>
    </message>
    <message>
        <source>{time} contexts of {count} positions in the batch instead of {usual}</source>
        <translation>{time} 批次的上下文为 {count} 个位置，而非通常的 {usual} 个</translation>
    </message>
    <message>
        <source>{name}, {count} steps</source>
        <translation>{name}，{count} 步</translation>
    </message>
    <message>
        <source>{name} of request {request}</source>
        <translation>请求 {request} 的{name}</translation>
    </message>
    <message>
        <source>{name} of {count} rows</source>
        <translation>{count} 行的{name}</translation>
    </message>
    <message>
        <source>{name} with long contexts</source>
        <translation>上下文较长的{name}</translation>
    </message>
    <message>
        <source>“{mark}”</source>
        <translation>“{mark}”</translation>
    </message>
</context>
<context>
    <name>Differences</name>
    <message>
        <source>Latency</source>
        <translation>延迟</translation>
    </message>
    <message>
        <source>Requests</source>
        <translation>请求</translation>
    </message>
    <message>
        <source>Parts of a token&apos;s time</source>
        <translation>token 时间的各部分</translation>
    </message>
    <message>
        <source>Phases of a token&apos;s time</source>
        <translation>token 时间的各阶段</translation>
    </message>
    <message>
        <source>KV memory</source>
        <translation>KV 内存</translation>
    </message>
    <message>
        <source>Positions per token</source>
        <translation>每 token 的位置</translation>
    </message>
    <message>
        <source>Work per token</source>
        <translation>每 token 的工作量</translation>
    </message>
    <message>
        <source>tokens/s</source>
        <translation>tokens/s</translation>
    </message>
    <message>
        <source>time per token</source>
        <translation>每 token 时间</translation>
    </message>
    <message>
        <source>decode time per token</source>
        <translation>每 token 解码时间</translation>
    </message>
    <message>
        <source>decode step, mean</source>
        <translation>解码步，均值</translation>
    </message>
    <message>
        <source>decode step p50</source>
        <translation>解码步 p50</translation>
    </message>
    <message>
        <source>decode step p90</source>
        <translation>解码步 p90</translation>
    </message>
    <message>
        <source>decode step p99</source>
        <translation>解码步 p99</translation>
    </message>
    <message>
        <source>prefill step, mean</source>
        <translation>预填充步，均值</translation>
    </message>
    <message>
        <source>gap before a step</source>
        <translation>步前空隙</translation>
    </message>
    <message>
        <source>gap between tokens p50</source>
        <translation>token 间隔 p50</translation>
    </message>
    <message>
        <source>gap between tokens p90</source>
        <translation>token 间隔 p90</translation>
    </message>
    <message>
        <source>gap between tokens p99</source>
        <translation>token 间隔 p99</translation>
    </message>
    <message>
        <source>TTFT p50</source>
        <translation>TTFT p50</translation>
    </message>
    <message>
        <source>TTFT p90</source>
        <translation>TTFT p90</translation>
    </message>
    <message>
        <source>TPOT p50</source>
        <translation>TPOT p50</translation>
    </message>
    <message>
        <source>TPOT p90</source>
        <translation>TPOT p90</translation>
    </message>
    <message>
        <source>used, mean</source>
        <translation>已用，均值</translation>
    </message>
    <message>
        <source>used, peak</source>
        <translation>已用，峰值</translation>
    </message>
    <message>
        <source>reserved, mean</source>
        <translation>已预留，均值</translation>
    </message>
    <message>
        <source>reserved, peak</source>
        <translation>已预留，峰值</translation>
    </message>
    <message>
        <source>computed</source>
        <translation>计算</translation>
    </message>
    <message>
        <source>new</source>
        <translation>新计算</translation>
    </message>
    <message>
        <source>recomputed</source>
        <translation>重复计算</translation>
    </message>
    <message>
        <source>padding</source>
        <translation>填充</translation>
    </message>
    <message>
        <source>rejected</source>
        <translation>被拒绝</translation>
    </message>
    <message>
        <source>reused</source>
        <translation>复用</translation>
    </message>
    <message>
        <source>bytes moved</source>
        <translation>搬运的字节</translation>
    </message>
    <message>
        <source>steps</source>
        <translation>步</translation>
    </message>
    <message>
        <source>prepare input</source>
        <translation>准备输入</translation>
    </message>
    <message>
        <source>attention</source>
        <translation>注意力</translation>
    </message>
    <message>
        <source>FFN</source>
        <translation>FFN</translation>
    </message>
    <message>
        <source>norm</source>
        <translation>归一化</translation>
    </message>
    <message>
        <source>sampling</source>
        <translation>采样</translation>
    </message>
    <message>
        <source>other</source>
        <translation>其他</translation>
    </message>
    <message>
        <source>positions computed</source>
        <translation>计算的位置</translation>
    </message>
    <message>
        <source>steps per token</source>
        <translation>每 token 的步数</translation>
    </message>
    <message>
        <source>attention kernel, {a} → {b}</source>
        <translation>注意力内核，{a} → {b}</translation>
    </message>
    <message>
        <source>gaps between steps</source>
        <translation>步间空隙</translation>
    </message>
    <message>
        <source>unexplained</source>
        <translation>未解释</translation>
    </message>
    <message>
        <source>phase {}</source>
        <translation>阶段 {}</translation>
    </message>
    <message>
        <source>Intervals: 95 %, by a bootstrap over steps{paired}. {mark}: more than {relevant} apart, significant among all {tested} measured figures (Holm). Of pairs of equal recordings at most {level} have any {mark}. Counted figures are exact.</source>
        <translation>区间：95 %，由对步的自助法（bootstrap）得出{paired}。{mark}：相差超过 {relevant}，且在全部 {tested} 项实测数字中显著（Holm 校正）。相同记录的配对中，最多 {level} 会出现 {mark}。计数得出的数字是精确的。</translation>
    </message>
    <message>
        <source>, paired by token</source>
        <translation>，按 token 配对</translation>
    </message>
    <message>
        <source> Warm-up left out of decode figures: {a} steps of A, {b} of B.</source>
        <translation> 解码数字不计预热：A 的 {a} 步，B 的 {b} 步。</translation>
    </message>
    <message>
        <source> A machine that was busier during one of the recordings is no chance: record both in the same conditions.</source>
        <translation> 其中一次录制时机器更忙不属于偶然：请在相同条件下录制两者。</translation>
    </message>
    <message>
        <source>all smaller parts</source>
        <translation>所有更小的部分</translation>
    </message>
    <message>
        <source>No difference.</source>
        <translation>没有差异。</translation>
    </message>
    <message>
        <source>No difference beyond chance.</source>
        <translation>没有超出偶然的差异。</translation>
    </message>
    <message>
        <source>B is {times}× as fast as A in tokens/s (95 %: {low} to {high}).</source>
        <translation>以 tokens/s 计，B 的速度是 A 的 {times}×（95 %：{low} 至 {high}）。</translation>
    </message>
    <message>
        <source>B is {times}× as fast as A in tokens/s (95 %: {low} to {high}): not significantly more than {relevant} apart.</source>
        <translation>以 tokens/s 计，B 的速度是 A 的 {times}×（95 %：{low} 至 {high}）：相差没有显著超过 {relevant}。</translation>
    </message>
</context>
<context>
    <name>DifferingTokens</name>
    <message>
        <source>Tokens that differ</source>
        <translation>不一致的 token</translation>
    </message>
    <message>
        <source>Tokens in whose place the pass finds another one likelier; a click selects the token.</source>
        <translation>前向认为此处另一个 token 更可能；点击即选中该 token。</translation>
    </message>
</context>
<context>
    <name>Documents</name>
    <message>
        <source>Open session</source>
        <translation>打开会话</translation>
    </message>
    <message>
        <source>Given up: what was shown before stays.</source>
        <translation>已放弃：仍显示之前的内容。</translation>
    </message>
    <message>
        <source>There is no recording to save yet: run a prompt first.</source>
        <translation>还没有可保存的记录：请先运行提示词。</translation>
    </message>
    <message>
        <source>Save session</source>
        <translation>保存会话</translation>
    </message>
    <message>
        <source>Saved {}</source>
        <translation>已保存 {}</translation>
    </message>
    <message>
        <source>DecodeScope sessions (*{});;All files (*)</source>
        <translation>DecodeScope 会话 (*{});;所有文件 (*)</translation>
    </message>
    <message>
        <source>Sessions, profiler traces and GGUF models ({sessions} {traces} {models});;DecodeScope sessions ({sessions});;PyTorch profiler traces ({traces});;GGUF models ({models});;All files (*)</source>
        <translation>会话、性能分析 trace 与 GGUF 模型 ({sessions} {traces} {models});;DecodeScope 会话 ({sessions});;PyTorch 性能分析 trace ({traces});;GGUF 模型 ({models});;所有文件 (*)</translation>
    </message>
</context>
<context>
    <name>EmptyPage</name>
    <message>
        <source>Run the prompt</source>
        <translation>运行提示词</translation>
    </message>
    <message>
        <source>Generate text from the prompt and record every step (Ctrl+Return)</source>
        <translation>由提示词生成文本并记录每一步（Ctrl+Return）</translation>
    </message>
    <message>
        <source>Open a file…</source>
        <translation>打开文件…</translation>
    </message>
    <message>
        <source>Open a recording, or a trace of PyTorch&apos;s profiler (Ctrl+O)</source>
        <translation>打开记录，或 PyTorch profiler 的 trace（Ctrl+O）</translation>
    </message>
</context>
<context>
    <name>ErrorDialog</name>
    <message>
        <source>Copy text</source>
        <translation>复制文本</translation>
    </message>
</context>
<context>
    <name>Exports</name>
    <message>
        <source>PNG picture (*.png)</source>
        <translation>PNG 图片 (*.png)</translation>
    </message>
    <message>
        <source>SVG picture (*.svg)</source>
        <translation>SVG 图片 (*.svg)</translation>
    </message>
    <message>
        <source>Export picture</source>
        <translation>导出图片</translation>
    </message>
    <message>
        <source>Exported {}</source>
        <translation>已导出 {}</translation>
    </message>
    <message>
        <source>Export report</source>
        <translation>导出报告</translation>
    </message>
    <message>
        <source>HTML report (*.html)</source>
        <translation>HTML 报告 (*.html)</translation>
    </message>
    <message>
        <source>Export tables: in which folder is theirs to be made?</source>
        <translation>导出表格：在哪个文件夹中建立表格文件夹？</translation>
    </message>
    <message>
        <source>A report is made from a session&apos;s file, and this session is in memory only.</source>
        <translation>报告由会话文件生成，而此会话只在内存中。</translation>
    </message>
    <message>
        <source>Save as CSV</source>
        <translation>保存为 CSV</translation>
    </message>
    <message>
        <source>CSV table (*.csv)</source>
        <translation>CSV 表格 (*.csv)</translation>
    </message>
    <message>
        <source>The table {} cannot be written: {}.</source>
        <translation>无法写入表格 {}：{}。</translation>
    </message>
    <message>
        <source>There is nothing to export yet: run a prompt or open a session first.</source>
        <translation>还没有可导出的内容：请先运行提示词或打开会话。</translation>
    </message>
    <message>
        <source>Chrome trace (*.json.gz *.json)</source>
        <translation>Chrome trace (*.json.gz *.json)</translation>
    </message>
    <message>
        <source>Perfetto trace (*.pftrace)</source>
        <translation>Perfetto trace (*.pftrace)</translation>
    </message>
    <message>
        <source>Export trace</source>
        <translation>导出 trace</translation>
    </message>
    <message>
        <source>exporting {}</source>
        <translation>正在导出 {}</translation>
    </message>
    <message>
        <source>Copied a picture of {}</source>
        <translation>已复制“{}”的图片</translation>
    </message>
    <message>
        <source>Copied {} rows of {}</source>
        <translation>已复制 {} 行（{}）</translation>
    </message>
</context>
<context>
    <name>FactTable</name>
    <message>
        <source>Copy value</source>
        <translation>复制值</translation>
    </message>
    <message>
        <source>Copy name and value</source>
        <translation>复制名称和值</translation>
    </message>
    <message>
        <source>Select a part…</source>
        <translation>选取一部分…</translation>
    </message>
</context>
<context>
    <name>Failure</name>
    <message>
        <source>Something unforeseen went wrong: {}</source>
        <translation>发生了未预料的错误：{}</translation>
    </message>
</context>
<context>
    <name>Feed</name>
    <message>
        <source>{} The run is kept in memory only, until the next one begins.</source>
        <translation>{} 本次运行只保存在内存中，直到下一次运行开始。</translation>
    </message>
    <message>
        <source>{reason} Runs are recorded in {folder} instead, which the system may empty: save what you want to keep.</source>
        <translation>{reason} 运行改为记录到 {folder}，系统可能会清空它：请保存想保留的内容。</translation>
    </message>
</context>
<context>
    <name>Find</name>
    <message>
        <source>position {}</source>
        <translation>位置 {}</translation>
    </message>
    <message>
        <source>Text</source>
        <translation>文本</translation>
    </message>
    <message>
        <source>Prompt</source>
        <translation>提示词</translation>
    </message>
    <message>
        <source>Step</source>
        <translation>步</translation>
    </message>
    <message>
        <source>Request</source>
        <translation>请求</translation>
    </message>
    <message>
        <source>Mark</source>
        <translation>标记</translation>
    </message>
    <message>
        <source>request {}</source>
        <translation>请求 {}</translation>
    </message>
    <message>
        <source>step {}</source>
        <translation>第 {} 步</translation>
    </message>
    <message>
        <source>nothing found</source>
        <translation>未找到</translation>
    </message>
    <message>
        <source>searching…</source>
        <translation>搜索中…</translation>
    </message>
    <message>
        <source>{} found</source>
        <translation>找到 {} 处</translation>
    </message>
    <message>
        <source>{at} of {all}</source>
        <translation>第 {at} 处，共 {all} 处</translation>
    </message>
    <message>
        <source>{} so far, searching…</source>
        <translation>{}，仍在搜索…</translation>
    </message>
</context>
<context>
    <name>FindControl</name>
    <message>
        <source>step</source>
        <translation>步</translation>
    </message>
    <message>
        <source>request</source>
        <translation>请求</translation>
    </message>
</context>
<context>
    <name>FindDialog</name>
    <message>
        <source>Find</source>
        <translation>查找</translation>
    </message>
    <message>
        <source>Text, “step 120”, “request 3”, or the label of a mark</source>
        <translation>文本、“步 120”、“请求 3”或标记的名称</translation>
    </message>
    <message>
        <source>Small letters find capitals too. Return goes to the next, Shift+Return to the one before.</source>
        <translation>小写字母也匹配大写字母。Return 转到下一处，Shift+Return 转到上一处。</translation>
    </message>
    <message>
        <source>What was found</source>
        <translation>查找结果</translation>
    </message>
    <message>
        <source>Previous (Shift+F3)</source>
        <translation>上一处（Shift+F3）</translation>
    </message>
    <message>
        <source>Next (F3)</source>
        <translation>下一处（F3）</translation>
    </message>
    <message>
        <source>Search &amp;again</source>
        <translation>重新搜索(&amp;A)</translation>
    </message>
    <message>
        <source>The run has gone on since: search what came, too</source>
        <translation>此后运行仍在继续：连同新内容一起搜索</translation>
    </message>
</context>
<context>
    <name>Finish</name>
    <message>
        <source>context full ({})</source>
        <translation>上下文已满（{}）</translation>
    </message>
    <message>
        <source>length reached</source>
        <translation>达到长度上限</translation>
    </message>
    <message>
        <source>end of text</source>
        <translation>文本结束</translation>
    </message>
    <message>
        <source>stop string</source>
        <translation>停止串</translation>
    </message>
    <message>
        <source>stopped</source>
        <translation>已停止</translation>
    </message>
</context>
<context>
    <name>GeneratedText</name>
    <message>
        <source>Generated text</source>
        <translation>生成的文本</translation>
    </message>
    <message>
        <source>The prompt, and what the model has written after it</source>
        <translation>提示词，以及模型在其后写出的内容</translation>
    </message>
    <message>
        <source>The text appears here token by token.</source>
        <translation>文本会逐个 token 出现在这里。</translation>
    </message>
    <message>
        <source>Previous request</source>
        <translation>上一个请求</translation>
    </message>
    <message>
        <source>Next request</source>
        <translation>下一个请求</translation>
    </message>
    <message>
        <source>A profiler&apos;s trace tells of no text.</source>
        <translation>性能分析器的 trace 不提供文本。</translation>
    </message>
    <message>
        <source>The texts of these tokens were not told.</source>
        <translation>未提供这些 token 的文本。</translation>
    </message>
    <message>
        <source>User</source>
        <translation>用户</translation>
    </message>
    <message>
        <source>request {id} ({place} of {all}) · {facts}</source>
        <translation>请求 {id}（第 {place} 个，共 {all} 个） · {facts}</translation>
    </message>
</context>
<context>
    <name>HeadGrid</name>
    <message>
        <source>All heads of the layer</source>
        <translation>该层的所有头</translation>
    </message>
    <message>
        <source>The heads of the layer appear here as they are recorded.</source>
        <translation>该层的各个头在记录后显示在这里。</translation>
    </message>
    <message>
        <source>reading…</source>
        <translation>读取中…</translation>
    </message>
    <message>
        <source>entropy of the row, nats {}</source>
        <translation>该行的熵，nats {}</translation>
    </message>
    <message>
        <source>mean entropy, nats {}</source>
        <translation>平均熵，nats {}</translation>
    </message>
    <message>
        <source>mean entropy of the selected steps, nats {}</source>
        <translation>所选步的平均熵，nats {}</translation>
    </message>
    <message>
        <source>head · {}</source>
        <translation>头 · {}</translation>
    </message>
    <message>
        <source>pooled {n} × {n}</source>
        <translation>{n} × {n} 池化</translation>
    </message>
    <message>
        <source>and {} more heads</source>
        <translation>以及另外 {} 个头</translation>
    </message>
    <message>
        <source>layer {layer}, head {head}: {rows} rows, mean entropy {nats} nats ƒ</source>
        <translation>第 {layer} 层，头 {head}：{rows} 行，平均熵 {nats} nats ƒ</translation>
    </message>
    <message>
        <source>this row {nats} nats ƒ</source>
        <translation>此行 {nats} nats ƒ</translation>
    </message>
</context>
<context>
    <name>InspectorPanel</name>
    <message>
        <source>Likeliest tokens here ●</source>
        <translation>此处最可能的 token ●</translation>
    </message>
    <message>
        <source>Time of its step by phase ●</source>
        <translation>所在步的时间（按阶段）●</translation>
    </message>
    <message>
        <source>Positions of its step by class ●</source>
        <translation>所在步的位置（按类别）●</translation>
    </message>
    <message>
        <source>Token</source>
        <translation>Token</translation>
    </message>
    <message>
        <source>Step</source>
        <translation>步</translation>
    </message>
    <message>
        <source>Compared</source>
        <translation>对比</translation>
    </message>
    <message>
        <source>Request</source>
        <translation>请求</translation>
    </message>
    <message>
        <source>Run a prompt, then click a token anywhere to see here what it cost and why it was chosen.</source>
        <translation>运行提示词，然后在任意处点击一个 token，即可在此看到它的代价和被选中的原因。</translation>
    </message>
    <message>
        <source>Position {n} of request {id} is part of the prompt: it was given, not chosen. Click a generated token.</source>
        <translation>请求 {id} 的位置 {n} 属于提示词：它是给定的，不是选出来的。请单击一个生成的 token。</translation>
    </message>
    <message>
        <source>Step {step} gave request {id} no token. Choose another step, or click a token.</source>
        <translation>第 {step} 步没有给请求 {id} 生成 token。请选择别的步，或单击一个 token。</translation>
    </message>
    <message>
        <source>Request {id} has no token yet.</source>
        <translation>请求 {id} 还没有 token。</translation>
    </message>
    <message>
        <source>  newest</source>
        <translation>  最新</translation>
    </message>
    <message>
        <source>{id} · {prompt} prompt tokens, {out} generated · first token after {ttft} ● · {state}</source>
        <translation>{id} · 提示词 {prompt} 个 token，已生成 {out} 个 · 首 token 用时 {ttft} ● · {state}</translation>
    </message>
    <message>
        <source>running</source>
        <translation>运行中</translation>
    </message>
    <message>
        <source>entropy {entropy} nats ●</source>
        <translation>熵 {entropy} nats ●</translation>
    </message>
    <message>
        <source>entropy {untold}</source>
        <translation>熵：{untold}</translation>
    </message>
    <message>
        <source>probability {share} ● · logprob {logprob} nats</source>
        <translation>概率 {share} ● · 对数概率 {logprob} nats</translation>
    </message>
    <message>
        <source>probability: {why}</source>
        <translation>概率：{why}</translation>
    </message>
    <message>
        <source>id {id} · position {position}</source>
        <translation>id {id} · 位置 {position}</translation>
    </message>
    <message>
        <source>from {source}</source>
        <translation>来自 {source}</translation>
    </message>
    <message>
        <source>{gap} after the chunk before {mark}</source>
        <translation>距上一块 {gap} {mark}</translation>
    </message>
    <message>
        <source>step took {time} {mark}</source>
        <translation>该步用时 {time} {mark}</translation>
    </message>
    <message>
        <source>{step}, {kind} · {time} ● · {gap} after the token before</source>
        <translation>{step}，{kind} · {time} ● · 距上一个 token {gap}</translation>
    </message>
    <message>
        <source>received {time} later {mark}</source>
        <translation>{time} 后收到 {mark}</translation>
    </message>
    <message>
        <source>there are too few other {kind} steps to compare it with</source>
        <translation>其他{kind}步太少，无法对比</translation>
    </message>
    <message>
        <source>the model</source>
        <translation>模型</translation>
    </message>
    <message>
        <source>an accepted draft</source>
        <translation>被接受的草稿</translation>
    </message>
    <message>
        <source>the model, after its drafts</source>
        <translation>模型（草稿之后）</translation>
    </message>
    <message>
        <source>reading…</source>
        <translation>读取中…</translation>
    </message>
    <message>
        <source>id {id} · logprob {logprob} nats ●</source>
        <translation>id {id} · 对数概率 {logprob} nats ●</translation>
    </message>
    <message>
        <source>not recorded</source>
        <translation>未记录</translation>
    </message>
    <message>
        <source>not recorded below detail “phase”</source>
        <translation>采集粒度低于“phase”时不记录</translation>
    </message>
    <message>
        <source>not told</source>
        <translation>未提供</translation>
    </message>
    <message>
        <source>new</source>
        <translation>新计算</translation>
    </message>
    <message>
        <source>recomputed</source>
        <translation>重复计算</translation>
    </message>
    <message>
        <source>padding</source>
        <translation>填充</translation>
    </message>
    <message>
        <source>rejected</source>
        <translation>被拒绝</translation>
    </message>
    <message>
        <source>reused from the cache</source>
        <translation>取自缓存</translation>
    </message>
    <message>
        <source>mean of the heads</source>
        <translation>各头平均</translation>
    </message>
    <message>
        <source>head {n}</source>
        <translation>头 {n}</translation>
    </message>
    <message>
        <source>layer {layer}, {head}</source>
        <translation>第 {layer} 层，{head}</translation>
    </message>
    <message>
        <source>It is the first token: no row of attention chose it.</source>
        <translation>这是第一个 token：没有选出它的注意力行。</translation>
    </message>
    <message>
        <source>The row of {query}, which chose it, was not recorded ({where}). {why}</source>
        <translation>选出它的 {query} 的行没有记录（{where}）。{why}</translation>
    </message>
    <message>
        <source>Where {query} looked to choose it ({where}) {mark}</source>
        <translation>{query} 选择它时关注的位置（{where}）{mark}</translation>
    </message>
    <message>
        <source>Its attention row: {untold}</source>
        <translation>其注意力行：{untold}</translation>
    </message>
</context>
<context>
    <name>KeepControl</name>
    <message>
        <source>Nothing has run in this window yet: every run from now on can be kept.</source>
        <translation>此窗口中还没有运行过：此后的每次运行都可以留存。</translation>
    </message>
    <message>
        <source>This run is in memory only, as its file could not be written: there is no file to keep.</source>
        <translation>此运行仅在内存中，因为其文件无法写入：没有可留存的文件。</translation>
    </message>
    <message>
        <source>Kept what happened until now as {}</source>
        <translation>已把到目前为止发生的一切留存为 {}</translation>
    </message>
    <message>
        <source>Kept what happened until now as {count} recordings, the newest of them {name}</source>
        <translation>已把到目前为止发生的一切留存为 {count} 个记录，其中最新的是 {name}</translation>
    </message>
    <message>
        <source>keeping {}</source>
        <translation>正在留存 {}</translation>
    </message>
</context>
<context>
    <name>KernelsPanel</name>
    <message>
        <source>Whose time</source>
        <translation>按哪一方的时间</translation>
    </message>
    <message>
        <source>Device</source>
        <translation>设备</translation>
    </message>
    <message>
        <source>Host</source>
        <translation>主机</translation>
    </message>
    <message>
        <source>Kernels, copies and fills, by name</source>
        <translation>内核、拷贝（memcpy）和填充（memset），按名称</translation>
    </message>
    <message>
        <source>Operations, annotations, modules and calls of the runtime, by name</source>
        <translation>算子、标注、模块和运行时调用，按名称</translation>
    </message>
    <message>
        <source>Time by kernel or range</source>
        <translation>按内核或区间的时间</translation>
    </message>
    <message>
        <source>Click a head to sort by it; a double click goes to the step of the longest call.</source>
        <translation>单击列标题按该列排序；双击转到最长一次调用所在的步。</translation>
    </message>
    <message>
        <source>Open a trace of PyTorch&apos;s profiler (File &gt; Open session, *.json or *.json.gz) and the time of each kernel and operation appears here.</source>
        <translation>打开 PyTorch profiler 的 trace（文件 &gt; 打开会话，*.json 或 *.json.gz），每个内核和算子的时间就会显示在这里。</translation>
    </message>
    <message>
        <source>{n} kernels · {time} {mark}</source>
        <translation>{n} 个内核 · {time} {mark}</translation>
    </message>
    <message>
        <source>{n} ranges · {time} {mark}</source>
        <translation>{n} 个区间 · {time} {mark}</translation>
    </message>
    <message>
        <source>{n} in no step</source>
        <translation>{n} 个不在任何步内</translation>
    </message>
    <message>
        <source>This trace has no kernels.</source>
        <translation>此 trace 中没有内核。</translation>
    </message>
    <message>
        <source>Kernel</source>
        <translation>内核</translation>
    </message>
    <message>
        <source>Its name, without what says little; the tool tip has all of it.</source>
        <translation>名称，略去无关紧要的部分；提示中有全名。</translation>
    </message>
    <message>
        <source>Range</source>
        <translation>区间</translation>
    </message>
    <message>
        <source>Its name.</source>
        <translation>名称。</translation>
    </message>
    <message>
        <source>Phase</source>
        <translation>阶段</translation>
    </message>
    <message>
        <source>The group of phases that most of its time belongs to, as names tell it.</source>
        <translation>其大部分时间所属的阶段组，由名称判断。</translation>
    </message>
    <message>
        <source>Calls</source>
        <translation>调用次数</translation>
    </message>
    <message>
        <source>How often it ran.</source>
        <translation>运行的次数。</translation>
    </message>
    <message>
        <source>Total {mark}</source>
        <translation>合计 {mark}</translation>
    </message>
    <message>
        <source>Mean {mark}</source>
        <translation>平均 {mark}</translation>
    </message>
    <message>
        <source>The total over the calls.</source>
        <translation>合计时间除以调用次数。</translation>
    </message>
    <message>
        <source>Self {mark}</source>
        <translation>自身 {mark}</translation>
    </message>
    <message>
        <source>The total without the ranges inside.</source>
        <translation>合计时间减去内层区间的时间。</translation>
    </message>
    <message>
        <source>Share {mark}</source>
        <translation>占比 {mark}</translation>
    </message>
    <message>
        <source>In no step</source>
        <translation>不在步内</translation>
    </message>
    <message>
        <source>Calls that belong to no step that the trace names.</source>
        <translation>不属于 trace 所标出的任何一步的调用。</translation>
    </message>
    <message>
        <source>The time of all calls. Kernels of several streams may run at one time.</source>
        <translation>所有调用的时间合计。多个流的内核可能同时运行。</translation>
    </message>
    <message>
        <source>The time of all calls, with the ranges inside.</source>
        <translation>所有调用的时间合计，含内层区间。</translation>
    </message>
    <message>
        <source>Share of the time of all kernels.</source>
        <translation>占所有内核时间的比例。</translation>
    </message>
    <message>
        <source>Share of the own time of all ranges; of a module, of that of all modules.</source>
        <translation>占所有区间自身时间的比例；模块则为占所有模块自身时间的比例。</translation>
    </message>
</context>
<context>
    <name>KvCalculator</name>
    <message>
        <source>LLaMA-7B, T = 2048, fp16</source>
        <translation>LLaMA-7B，T = 2048，fp16</translation>
    </message>
    <message>
        <source>custom</source>
        <translation>自定义</translation>
    </message>
    <message>
        <source>a cache for</source>
        <translation>缓存容量：</translation>
    </message>
    <message>
        <source>Preset of the calculator</source>
        <translation>计算器预设</translation>
    </message>
    <message>
        <source>layers</source>
        <translation>层数</translation>
    </message>
    <message>
        <source>KV heads</source>
        <translation>KV 头数</translation>
    </message>
    <message>
        <source>head dim</source>
        <translation>头维度</translation>
    </message>
    <message>
        <source>positions</source>
        <translation>位置数</translation>
    </message>
    <message>
        <source>of</source>
        <translation>格式</translation>
    </message>
    <message>
        <source>Number format of the cache</source>
        <translation>缓存的数值格式</translation>
    </message>
    <message>
        <source>Transformer layers, each with a cache of its own</source>
        <translation>Transformer 层，每层各有一个缓存</translation>
    </message>
    <message>
        <source>Heads with keys and values of their own; fewer than query heads in grouped attention</source>
        <translation>拥有自己的键和值的头；在分组注意力中少于查询头</translation>
    </message>
    <message>
        <source>How many numbers a head keeps of a position</source>
        <translation>每个头为一个位置保存多少个数</translation>
    </message>
    <message>
        <source>Tokens that a request&apos;s cache holds, of prompt and answer together</source>
        <translation>一个请求的缓存所容纳的 token，提示与回答合计</translation>
    </message>
    <message>
        <source>A known model, the session&apos;s own, or any numbers</source>
        <translation>已知模型、本会话的模型，或任意数值</translation>
    </message>
    <message>
        <source>device</source>
        <translation>设备</translation>
    </message>
    <message>
        <source>Memory of the device</source>
        <translation>设备内存</translation>
    </message>
    <message>
        <source>Memory of the device; that of the session&apos;s own device to begin with.</source>
        <translation>设备内存；初始值为本会话所用设备的内存。</translation>
    </message>
    <message>
        <source>weights</source>
        <translation>权重</translation>
    </message>
    <message>
        <source>Memory of the weights</source>
        <translation>权重占用的内存</translation>
    </message>
    <message>
        <source>What the weights take of it before any cache; those of the preset to begin with.</source>
        <translation>在任何缓存之前权重占用的部分；初始值为预设模型的权重。</translation>
    </message>
    <message>
        <source>not reported</source>
        <translation>未报告</translation>
    </message>
    <message>
        <source>How many requests fit</source>
        <translation>可容纳的请求数</translation>
    </message>
    <message>
        <source>(memory of the device − weights) / one request&apos;s cache, rounded down</source>
        <translation>（设备内存 − 权重）/ 单个请求的缓存，向下取整</translation>
    </message>
    <message>
        <source>Predicted size of the cache</source>
        <translation>缓存的预测大小</translation>
    </message>
    <message>
        <source>2 · layers · positions · KV heads · head dim · bytes an element</source>
        <translation>2 · 层数 · 位置数 · KV 头数 · 头维度 · 每元素字节数</translation>
    </message>
    <message>
        <source>not told</source>
        <translation>未提供</translation>
    </message>
    <message>
        <source>current model</source>
        <translation>当前模型</translation>
    </message>
    <message>
        <source>current: {}</source>
        <translation>当前：{}</translation>
    </message>
    <message>
        <source>{n} such requests fit {mark}</source>
        <translation>可容纳 {n} 个这样的请求 {mark}</translation>
    </message>
</context>
<context>
    <name>KvMemoryPanel</name>
    <message>
        <source>KV memory over the steps</source>
        <translation>各步的 KV 内存</translation>
    </message>
    <message>
        <source>What each layer keeps of the past appears here as soon as a generation runs.</source>
        <translation>开始生成后，每一层保留的历史会显示在这里。</translation>
    </message>
    <message>
        <source>Who holds which block of the KV cache can be told only from inside the server.</source>
        <translation>KV 缓存的哪个块归谁所有，只有从服务器内部才能得知。</translation>
    </message>
    <message>
        <source>nothing cached · a cache would hold {} {}</source>
        <translation>无缓存 · 若缓存则占 {} {}</translation>
    </message>
    <message>
        <source>{moment} · {used} used {measured} · {held} held {measured} · {reserved} reserved {measured} · fragmentation {share} {derived} · formula {predicted} {mark}</source>
        <translation>{moment} · 已用 {used} {measured} · 占用 {held} {measured} · 预留 {reserved} {measured} · 碎片率 {share} {derived} · 公式 {predicted} {mark}</translation>
    </message>
    <message>
        <source>not recorded</source>
        <translation>未记录</translation>
    </message>
    <message>
        <source>at the peak, step {}</source>
        <translation>峰值，第 {} 步</translation>
    </message>
    <message>
        <source>after step {}</source>
        <translation>第 {} 步之后</translation>
    </message>
    <message>
        <source>after step {}, the last of the selection</source>
        <translation>第 {} 步（所选范围的最后一步）之后</translation>
    </message>
    <message>
        <source>after step {}, the last</source>
        <translation>第 {} 步（最后一步）之后</translation>
    </message>
    <message>
        <source>Show</source>
        <translation>显示</translation>
    </message>
    <message>
        <source>By layer</source>
        <translation>按层</translation>
    </message>
    <message>
        <source>Blocks</source>
        <translation>块</translation>
    </message>
    <message>
        <source>All memory</source>
        <translation>全部内存</translation>
    </message>
    <message>
        <source>What each layer&apos;s cache holds beside the formula, and how much fits</source>
        <translation>每层缓存的内容与公式对照，以及能容纳多少</translation>
    </message>
    <message>
        <source>Who holds each block of the paged cache, and how much of it lies idle</source>
        <translation>分页缓存的每个块由谁占用，以及有多少闲置</translation>
    </message>
    <message>
        <source>Weights, cache, activations and the rest, at the peak of what is selected</source>
        <translation>所选范围峰值时的权重、缓存、激活及其余部分</translation>
    </message>
    <message>
        <source>Nothing is cached, because kv is none; for these {positions} positions a cache would hold {size} {mark}.</source>
        <translation>kv 为 none，因此没有缓存；这 {positions} 个位置若缓存将占 {size} {mark}。</translation>
    </message>
    <message>
        <source>after step {step}: {positions} positions alive {mark}</source>
        <translation>第 {step} 步之后：{positions} 个存活位置 {mark}</translation>
    </message>
    <message>
        <source>What each layer holds: {reason}</source>
        <translation>每层持有的内容：{reason}</translation>
    </message>
    <message>
        <source>reading…</source>
        <translation>读取中…</translation>
    </message>
    <message>
        <source>layer {} after step {}</source>
        <translation>第 {} 层，第 {} 步之后</translation>
    </message>
    <message>
        <source>after step {step}: used {used}, reserved {reserved} {mark}</source>
        <translation>第 {step} 步之后：已用 {used}，预留 {reserved} {mark}</translation>
    </message>
    <message>
        <source>internal fragmentation {fragmentation} {derived}</source>
        <translation>内部碎片率 {fragmentation} {derived}</translation>
    </message>
    <message>
        <source>held {held} {measured}, kept for a batch that goes on {kept} {measured}, evictable {evictable} {measured}, nobody&apos;s {free} {derived}</source>
        <translation>占用 {held} {measured}，为未结束的批次保留 {kept} {measured}，可驱逐 {evictable} {measured}，无主 {free} {derived}</translation>
    </message>
    <message>
        <source>reserved {} {}</source>
        <translation>预留 {} {}</translation>
    </message>
    <message>
        <source>held {} {}</source>
        <translation>占用 {} {}</translation>
    </message>
    <message>
        <source>used {} {}</source>
        <translation>已用 {} {}</translation>
    </message>
    <message>
        <source>kept {} {}</source>
        <translation>保留 {} {}</translation>
    </message>
    <message>
        <source>evictable {} {}</source>
        <translation>可驱逐 {} {}</translation>
    </message>
    <message>
        <source>formula {} {}</source>
        <translation>公式 {} {}</translation>
    </message>
    <message>
        <source>KV memory over the steps · figures after step {}, the last</source>
        <translation>各步的 KV 内存 · 数值为第 {} 步（最后一步）之后</translation>
    </message>
    <message>
        <source>step</source>
        <translation>步</translation>
    </message>
    <message>
        <source>not kept for this step (detail below “layer”, or no longer in memory)</source>
        <translation>此步未保留（采集粒度低于“layer”，或已不在内存中）</translation>
    </message>
    <message>
        <source>used {used} B {mark}, reserved {reserved} B {mark}</source>
        <translation>已用 {used} B {mark}，预留 {reserved} B {mark}</translation>
    </message>
    <message>
        <source>formula 2 · {positions} · {heads} · {dim} · {size} = {result} B {mark}</source>
        <translation>公式 2 · {positions} · {heads} · {dim} · {size} = {result} B {mark}</translation>
    </message>
</context>
<context>
    <name>LaneMenu</name>
    <message>
        <source>lanes ▾</source>
        <translation>泳道 ▾</translation>
    </message>
    <message>
        <source>Order and groups of the requests, and the lane of layers</source>
        <translation>请求的顺序与分组，以及层泳道</translation>
    </message>
    <message>
        <source>Order of the requests</source>
        <translation>请求的顺序</translation>
    </message>
    <message>
        <source>By arrival</source>
        <translation>按到达时间</translation>
    </message>
    <message>
        <source>Running first</source>
        <translation>运行中的在前</translation>
    </message>
    <message>
        <source>Longest time first</source>
        <translation>耗时最长的在前</translation>
    </message>
    <message>
        <source>Latest first token first</source>
        <translation>首 token 最晚的在前</translation>
    </message>
    <message>
        <source>Most tokens first</source>
        <translation>token 最多的在前</translation>
    </message>
    <message>
        <source>Groups of those that wait or have finished</source>
        <translation>等待中或已结束请求的分组</translation>
    </message>
    <message>
        <source>While they do not fit and some run</source>
        <translation>放不下且有请求运行时</translation>
    </message>
    <message>
        <source>Always</source>
        <translation>始终</translation>
    </message>
    <message>
        <source>Never</source>
        <translation>从不</translation>
    </message>
    <message>
        <source>Fold those that wait</source>
        <translation>折叠等待中的</translation>
    </message>
    <message>
        <source>Fold those that have finished</source>
        <translation>折叠已结束的</translation>
    </message>
    <message>
        <source>Layers in the order in which they run</source>
        <translation>按执行顺序显示各层</translation>
    </message>
</context>
<context>
    <name>LateLines</name>
    <message>
        <source>Go to the culprit</source>
        <translation>前往起因</translation>
    </message>
    <message>
        <source>Late</source>
        <translation>变慢</translation>
    </message>
    <message>
        <source>Shared by</source>
        <translation>同步共享</translation>
    </message>
    <message>
        <source>Go to the culprit: {what}</source>
        <translation>前往起因：{what}</translation>
    </message>
    <message>
        <source>by {time} {mark}</source>
        <translation>慢了 {time} {mark}</translation>
    </message>
    <message>
        <source>the first token of its request</source>
        <translation>该请求的首个 token</translation>
    </message>
    <message>
        <source>the first token: {waited} of its {passed} were spent in the queue {mark}</source>
        <translation>首个 token：{passed} 中有 {waited} 用于排队 {mark}</translation>
    </message>
    <message>
        <source>not known yet</source>
        <translation>尚不清楚</translation>
    </message>
    <message>
        <source>no: its gap is not above the median of its request</source>
        <translation>否：其间隔不超过该请求的中位数</translation>
    </message>
    <message>
        <source>no other request</source>
        <translation>没有其他请求</translation>
    </message>
    <message>
        <source>request {id}: {n}</source>
        <translation>请求 {id}：{n}</translation>
    </message>
    <message>
        <source>and {n} more</source>
        <translation>另有 {n} 个</translation>
    </message>
    <message>
        <source>others, with their positions {mark}</source>
        <translation>其他请求及其位置数 {mark}</translation>
    </message>
</context>
<context>
    <name>LateTables</name>
    <message>
        <source>Time of late tokens by cause</source>
        <translation>慢 token 的时间，按原因</translation>
    </message>
    <message>
        <source>Most delayed</source>
        <translation>延迟最久</translation>
    </message>
    <message>
        <source>The time by which gaps were longer than usual, divided among what delayed them.</source>
        <translation>间隔比通常更长的时间，按造成延迟的原因划分。</translation>
    </message>
    <message>
        <source>Click a token to select it everywhere; click a head to sort by it.</source>
        <translation>单击一个 token 即在各处选中它；单击列标题按该列排序。</translation>
    </message>
    <message>
        <source>Those whose gap is longest over the median gap of their request.</source>
        <translation>其间隔超出所属请求间隔中位数最多的 token。</translation>
    </message>
    <message>
        <source>Why {mark}</source>
        <translation>原因 {mark}</translation>
    </message>
    <message>
        <source>The cause that explains most, and its culprit.</source>
        <translation>解释最多的原因及其起因。</translation>
    </message>
    <message>
        <source>Late by {mark}</source>
        <translation>慢了 {mark}</translation>
    </message>
    <message>
        <source>What the gap is longer than the median gap of the request.</source>
        <translation>间隔超出该请求间隔中位数的部分。</translation>
    </message>
    <message>
        <source>Gap {mark}</source>
        <translation>间隔 {mark}</translation>
    </message>
    <message>
        <source>The time since the request&apos;s emission before.</source>
        <translation>距该请求上一次发出的时间。</translation>
    </message>
    <message>
        <source>Step</source>
        <translation>步</translation>
    </message>
    <message>
        <source>The step that emitted the token.</source>
        <translation>发出该 token 的步。</translation>
    </message>
    <message>
        <source>Request</source>
        <translation>请求</translation>
    </message>
    <message>
        <source>The request of the token.</source>
        <translation>该 token 所属的请求。</translation>
    </message>
    <message>
        <source>Late because of</source>
        <translation>变慢原因</translation>
    </message>
    <message>
        <source>What delayed tokens; ARCHITECTURE.md has the rule of each cause.</source>
        <translation>使 token 变慢的原因；每个原因的规则见 ARCHITECTURE.md。</translation>
    </message>
    <message>
        <source>Time {mark}</source>
        <translation>时间 {mark}</translation>
    </message>
    <message>
        <source>The time by which gaps were longer than the median gap of their request.</source>
        <translation>间隔超出所属请求间隔中位数的时间。</translation>
    </message>
    <message>
        <source>Share {mark}</source>
        <translation>占比 {mark}</translation>
    </message>
    <message>
        <source>Share of that time.</source>
        <translation>占该时间的比例。</translation>
    </message>
    <message>
        <source>Tokens {mark}</source>
        <translation>Token {mark}</translation>
    </message>
    <message>
        <source>Late tokens of which it explains more than any other cause.</source>
        <translation>主要由它造成的慢 token 数。</translation>
    </message>
</context>
<context>
    <name>LatencyHistogram</name>
    <message>
        <source>How many steps took how long</source>
        <translation>各耗时的步数</translation>
    </message>
    <message>
        <source>How many gaps took how long</source>
        <translation>各时长的间隔数</translation>
    </message>
    <message>
        <source>Steps by time {} · drag to select</source>
        <translation>按耗时统计的步数 {} · 拖动以选择</translation>
    </message>
    <message>
        <source>Gaps between chunks by time {} · drag to select</source>
        <translation>块间隔（按时长）{} · 拖动以选择</translation>
    </message>
    <message>
        <source>Selected: {low} to {high}</source>
        <translation>已选：{low} 至 {high}</translation>
    </message>
    <message>
        <source>outliers from here</source>
        <translation>离群值由此开始</translation>
    </message>
    <message>
        <source>{low} to {high} · steps: {n} {mark} measured</source>
        <translation>{low} 至 {high} · 步数：{n} {mark} 测量</translation>
    </message>
    <message>
        <source>{low} to {high} · gaps: {n} {mark} measured</source>
        <translation>{low} 至 {high} · 间隔数：{n} {mark} 实测</translation>
    </message>
</context>
<context>
    <name>LatencyPanel</name>
    <message>
        <source>Time of each step, stacked by part</source>
        <translation>每一步的时间，按部分堆叠</translation>
    </message>
    <message>
        <source>Drag over times to see only those steps; N goes to the next of them, or to the next outlier.</source>
        <translation>在耗时上拖动，只看这些步；按 N 前往其中的下一步，或下一个离群步。</translation>
    </message>
    <message>
        <source>Tokens to project to</source>
        <translation>推算的 token 数</translation>
    </message>
    <message>
        <source>At this &amp;rate</source>
        <translation>按此速率(&amp;R)</translation>
    </message>
    <message>
        <source>Previous step of the selection, or outlier (Shift+N)</source>
        <translation>所选或离群步中的上一步（Shift+N）</translation>
    </message>
    <message>
        <source>Next step of the selection, or outlier (N)</source>
        <translation>所选或离群步中的下一步（N）</translation>
    </message>
    <message>
        <source>Picture</source>
        <translation>图表</translation>
    </message>
    <message>
        <source>Steps</source>
        <translation>各步</translation>
    </message>
    <message>
        <source>Histogram</source>
        <translation>直方图</translation>
    </message>
    <message>
        <source>The time of each step, stacked by part</source>
        <translation>每一步的时间，按部分堆叠</translation>
    </message>
    <message>
        <source>How many steps took how long</source>
        <translation>各耗时的步数</translation>
    </message>
    <message>
        <source>tokens = {time} ƒ · reference: {reference} ~</source>
        <translation>个 token = {time} ƒ · 参考值：{reference} ~</translation>
    </message>
    <message>
        <source>tokens = {time} ƒ · of that prefill {prefill} ● · reference: {reference} ~</source>
        <translation>个 token = {time} ƒ · 其中预填充 {prefill} ● · 参考值：{reference} ~</translation>
    </message>
    <message>
        <source>How many tokens to project to: one request&apos;s prefill, and this many times its mean time a token.</source>
        <translation>推算到多少个 token：一个请求的预填充，加上这么多倍的每 token 平均时间。</translation>
    </message>
    <message>
        <source>Why late</source>
        <translation>为何变慢</translation>
    </message>
    <message>
        <source>Show what delayed late tokens, in place of the pictures.</source>
        <translation>在图的位置显示是什么使 token 变慢。</translation>
    </message>
    <message>
        <source>{mean} a token {measured} · p99 {p99} {measured}</source>
        <translation>每 token {mean} {measured} · p99 {p99} {measured}</translation>
    </message>
    <message>
        <source>Run a prompt and the time of every token appears here, part by part.</source>
        <translation>运行提示词后，每个 token 的时间会按部分显示在这里。</translation>
    </message>
    <message>
        <source>{n} selected</source>
        <translation>已选 {n} 步</translation>
    </message>
    <message>
        <source>An outlier took longer than the third quartile by three times the distance between the quartiles.</source>
        <translation>离群步的耗时超过第三四分位数三倍四分位距。</translation>
    </message>
    <message>
        <source>phases not timed; detail “phase” does</source>
        <translation>未对阶段计时；采集粒度设为“phase”才会</translation>
    </message>
    <message>
        <source>between steps {gap} ({share}) ƒ</source>
        <translation>步间空隙 {gap}（{share}）ƒ</translation>
    </message>
    <message>
        <source>device time not reported</source>
        <translation>未报告设备时间</translation>
    </message>
    <message>
        <source>device busy {time} ({share}) ●</source>
        <translation>设备忙碌 {time}（{share}）●</translation>
    </message>
    <message>
        <source>steps {first}–{last}: {steps}</source>
        <translation>第 {first}–{last} 步：{steps}</translation>
    </message>
    <message>
        <source>{steps} of {low} to {high}</source>
        <translation>{steps}，耗时 {low} 至 {high}</translation>
    </message>
    <message>
        <source>phases: {untold}</source>
        <translation>阶段：{untold}</translation>
    </message>
    <message>
        <source>Time by layer and phase: {untold}</source>
        <translation>按层与阶段的时间：{untold}</translation>
    </message>
    <message>
        <source>device time: {untold}</source>
        <translation>设备时间：{untold}</translation>
    </message>
    <message>
        <source>prefill {time} ({share}) ●</source>
        <translation>预填充 {time}（{share}）●</translation>
    </message>
    <message>
        <source>in {n} steps beside decode</source>
        <translation>其中 {n} 步与解码同步进行</translation>
    </message>
    <message>
        <source>{n} requests a step: {time} of step time a token ƒ</source>
        <translation>每步 {n} 个请求：每 token 摊到步时间 {time} ƒ</translation>
    </message>
    <message>
        <source>reading…</source>
        <translation>读取中…</translation>
    </message>
    <message>
        <source>Step {step} holds no time by layer; detail “layer” records it.</source>
        <translation>第 {step} 步没有分层时间；采集粒度设为“layer”才会记录。</translation>
    </message>
    <message>
        <source>Step {step}: µs by layer and phase, up to {most} ●</source>
        <translation>第 {step} 步：按层和阶段的 µs，最大 {most} ●</translation>
    </message>
    <message>
        <source>Step {step}: {time} ● measured</source>
        <translation>第 {step} 步：{time} ● 实测</translation>
    </message>
</context>
<context>
    <name>LatencyTable</name>
    <message>
        <source>Time a token by part</source>
        <translation>每个 token 的时间（按部分）</translation>
    </message>
    <message>
        <source>Each part of a token&apos;s time: measured here, and what the reference expects of it.</source>
        <translation>一个 token 的时间分为哪些部分：本机实测值与参考值。</translation>
    </message>
    <message>
        <source>Prepare input</source>
        <translation>准备输入</translation>
    </message>
    <message>
        <source>Attention</source>
        <translation>注意力</translation>
    </message>
    <message>
        <source>FFN</source>
        <translation>FFN</translation>
    </message>
    <message>
        <source>Norm</source>
        <translation>归一化</translation>
    </message>
    <message>
        <source>Sampling</source>
        <translation>采样</translation>
    </message>
    <message>
        <source>Other</source>
        <translation>其他</translation>
    </message>
    <message>
        <source>Total</source>
        <translation>合计</translation>
    </message>
    <message>
        <source>Token to token</source>
        <translation>token 间隔</translation>
    </message>
    <message>
        <source>Prefill</source>
        <translation>预填充</translation>
    </message>
    <message>
        <source>What the reference expects of a token, predicted.</source>
        <translation>参考文档对一个 token 的预期，预测值。</translation>
    </message>
    <message>
        <source>A token&apos;s time</source>
        <translation>单个 token 的时间</translation>
    </message>
    <message>
        <source>Part of a step; every phase belongs to exactly one.</source>
        <translation>一步中的部分；每个阶段恰属于其中之一。</translation>
    </message>
    <message>
        <source>Reference ~</source>
        <translation>参考值 ~</translation>
    </message>
    <message>
        <source>Mean ●</source>
        <translation>平均 ●</translation>
    </message>
    <message>
        <source>Measured: what a token of one request took in decode steps, in a batch or not.</source>
        <translation>实测：一个请求的一个 token 在解码步中所用的时间，无论是否成批。</translation>
    </message>
    <message>
        <source>Half of the decode steps took no longer a token, measured.</source>
        <translation>一半的解码步每 token 不超过此值（实测）。</translation>
    </message>
    <message>
        <source>Nine decode steps of ten took no longer a token, measured.</source>
        <translation>十个解码步中有九个每 token 不超过此值（实测）。</translation>
    </message>
    <message>
        <source>99 decode steps of 100 took no longer a token, measured.</source>
        <translation>一百个解码步中有 99 个每 token 不超过此值（实测）。</translation>
    </message>
    <message>
        <source>Share of a token&apos;s time, derived.</source>
        <translation>占一个 token 时间的比例（推导）。</translation>
    </message>
    <message>
        <source>From one emission of a request to its next, pauses left out; a gap is its later token&apos;s.</source>
        <translation>一个请求从一次发出到下一次发出，不计暂停；间隔属于后一个 token。</translation>
    </message>
    <message>
        <source>The steps that computed a request&apos;s prompt, by request; they are in no other row.</source>
        <translation>计算一个请求的提示所用的步，按请求统计；不计入其他行。</translation>
    </message>
    <message>
        <source>p50 ●</source>
        <translation>p50 ●</translation>
    </message>
    <message>
        <source>p90 ●</source>
        <translation>p90 ●</translation>
    </message>
    <message>
        <source>p99 ●</source>
        <translation>p99 ●</translation>
    </message>
    <message>
        <source>Share ƒ</source>
        <translation>占比 ƒ</translation>
    </message>
</context>
<context>
    <name>Launch</name>
    <message>
        <source>phases of the last timed replay, scaled to this one {mark}</source>
        <translation>各阶段取自上一次计时重放，按本步时长缩放 {mark}</translation>
    </message>
    <message>
        <source>compiled step</source>
        <translation>整步编译</translation>
    </message>
    <message>
        <source>timed replay of a CUDA graph</source>
        <translation>CUDA 图的计时重放</translation>
    </message>
    <message>
        <source>operation by operation, because attention is {kernel}</source>
        <translation>逐个运算执行，因为注意力是 {kernel}</translation>
    </message>
    <message>
        <source>operation by operation, as every {kind} step here</source>
        <translation>逐个运算执行，这里的 {kind} 步都如此</translation>
    </message>
    <message>
        <source>operation by operation, because there is no KV cache</source>
        <translation>逐个运算执行，因为没有 KV 缓存</translation>
    </message>
    <message>
        <source>operation by operation, because attention was recorded</source>
        <translation>逐个运算执行，因为记录了注意力</translation>
    </message>
    <message>
        <source>operation by operation</source>
        <translation>逐个运算执行</translation>
    </message>
</context>
<context>
    <name>LayerBars</name>
    <message>
        <source>KV memory by layer: used, reserved and predicted</source>
        <translation>各层 KV 内存：已用、预留与预测</translation>
    </message>
    <message>
        <source>used {}</source>
        <translation>已用 {}</translation>
    </message>
    <message>
        <source>reserved {}</source>
        <translation>预留 {}</translation>
    </message>
    <message>
        <source>| formula {}</source>
        <translation>| 公式 {}</translation>
    </message>
    <message>
        <source>layer</source>
        <translation>层</translation>
    </message>
    <message>
        <source>used</source>
        <translation>已用</translation>
    </message>
    <message>
        <source>held, not yet filled</source>
        <translation>已占用、尚未写入</translation>
    </message>
    <message>
        <source>kept for a batch that goes on</source>
        <translation>为未结束的批次保留</translation>
    </message>
    <message>
        <source>evictable</source>
        <translation>可驱逐</translation>
    </message>
    <message>
        <source>nobody&apos;s</source>
        <translation>无主</translation>
    </message>
</context>
<context>
    <name>LayerStrip</name>
    <message>
        <source>Time of one step by layer and phase</source>
        <translation>一步的时间（按层和阶段）</translation>
    </message>
    <message>
        <source>layer {layer}, {phase}: {time}  ● measured</source>
        <translation>第 {layer} 层，{phase}：{time}  ● 实测</translation>
    </message>
    <message>
        <source>layer</source>
        <translation>层</translation>
    </message>
</context>
<context>
    <name>LoadSettings</name>
    <message>
        <source>Loading the model</source>
        <translation>模型加载</translation>
    </message>
    <message>
        <source>Device</source>
        <translation>设备</translation>
    </message>
    <message>
        <source>auto (a GPU where there is one), cpu, cuda, or cuda:1 for the second GPU</source>
        <translation>auto（有 GPU 就用 GPU）、cpu、cuda，或用 cuda:1 指定第二块 GPU</translation>
    </message>
    <message>
        <source>Precision</source>
        <translation>精度</translation>
    </message>
    <message>
        <source>What is computed in; auto is float32 on a CPU, and the checkpoint&apos;s own on a GPU</source>
        <translation>计算所用的精度；auto 在 CPU 上为 float32，在 GPU 上为检查点自身的精度</translation>
    </message>
    <message>
        <source>Threads</source>
        <translation>线程</translation>
    </message>
    <message>
        <source>CPU threads; auto lets the engine choose by the model</source>
        <translation>CPU 线程数；auto 由引擎按模型选择</translation>
    </message>
    <message>
        <source>auto</source>
        <translation>auto</translation>
    </message>
    <message>
        <source>Draft model</source>
        <translation>草稿模型</translation>
    </message>
    <message>
        <source>Folder of a smaller model with the same vocabulary, which proposes tokens (switch Speculate); auto: the demo has its own, other models none</source>
        <translation>词表相同的较小模型所在的文件夹，由它提出 token（见“推测”开关）；auto：演示模型自带，其他模型没有</translation>
    </message>
    <message>
        <source>Choose the folder of the draft model</source>
        <translation>选择草稿模型的文件夹</translation>
    </message>
    <message>
        <source>Load the model again</source>
        <translation>重新加载模型</translation>
    </message>
    <message>
        <source>“{}” is no device: auto, cpu, cuda or cuda:N.</source>
        <translation>“{}”不是设备：应为 auto、cpu、cuda 或 cuda:N。</translation>
    </message>
    <message>
        <source>Not in force yet: these take effect when the model is loaded again.</source>
        <translation>尚未生效：重新加载模型后生效。</translation>
    </message>
    <message>
        <source>Load the model with these settings; what is generated and recorded stays</source>
        <translation>按这些设置加载模型；已生成和已记录的内容会保留</translation>
    </message>
    <message>
        <source>The model is loaded with these settings</source>
        <translation>模型已按这些设置加载</translation>
    </message>
</context>
<context>
    <name>LogButton</name>
    <message>
        <source>log</source>
        <translation>对数</translation>
    </message>
    <message>
        <source>Logarithmic times</source>
        <translation>时间取对数</translation>
    </message>
    <message>
        <source>Make the axis of times logarithmic, so that no bar is cut and short ones can be seen</source>
        <translation>时间轴改为对数，使柱子都不截断，短的也看得见</translation>
    </message>
</context>
<context>
    <name>MainWindow</name>
    <message>
        <source>Step strip</source>
        <translation>单步时间条</translation>
    </message>
    <message>
        <source>Run</source>
        <translation>运行</translation>
    </message>
    <message>
        <source>The settings in {} cannot be read or written: what is chosen now is not remembered.</source>
        <translation>无法读取或写入 {} 中的设置：当前的选择不会被记住。</translation>
    </message>
    <message>
        <source>{} was not written to its end before the program ended.</source>
        <translation>程序结束前 {} 没有写完。</translation>
    </message>
</context>
<context>
    <name>MarkControl</name>
    <message>
        <source>Run a prompt or open a session first: a mark is put into it.</source>
        <translation>请先运行提示词或打开会话：标记会放在其中。</translation>
    </message>
    <message>
        <source>Select a step or a token first: the mark is put there.</source>
        <translation>请先选择一步或一个 token：标记会放在该处。</translation>
    </message>
    <message>
        <source>mark {}</source>
        <translation>标记 {}</translation>
    </message>
    <message>
        <source>put a mark</source>
        <translation>做标记</translation>
    </message>
    <message>
        <source>Put {mark} at {time}. F2 renames it.</source>
        <translation>已在 {time} 处做标记“{mark}”。按 F2 重命名。</translation>
    </message>
    <message>
        <source>rename a mark</source>
        <translation>重命名标记</translation>
    </message>
    <message>
        <source>remove a mark</source>
        <translation>删除标记</translation>
    </message>
    <message>
        <source>Removed {}. Undo brings it back.</source>
        <translation>已删除“{}”。“撤销”可将其恢复。</translation>
    </message>
    <message>
        <source>This session has no marks of yours yet: M puts one.</source>
        <translation>此会话还没有自己做的标记：按 M 做标记。</translation>
    </message>
    <message>
        <source>Select a step that has a mark of yours first.</source>
        <translation>请先选择有自己所做标记的步。</translation>
    </message>
</context>
<context>
    <name>MarkName</name>
    <message>
        <source>Rename mark</source>
        <translation>重命名标记</translation>
    </message>
    <message>
        <source>Name of the mark</source>
        <translation>标记的名称</translation>
    </message>
</context>
<context>
    <name>Marks</name>
    <message>
        <source>request {id}: {same} of {all} tokens agree</source>
        <translation>请求 {id}：{same}/{all} 个 token 一致</translation>
    </message>
    <message>
        <source>request {id}: {same} of {all} tokens agree, not {others}</source>
        <translation>请求 {id}：{same}/{all} 个 token 一致，除了位置 {others}</translation>
    </message>
    <message>
        <source>between runs</source>
        <translation>两次运行之间</translation>
    </message>
    <message>
        <source>pause</source>
        <translation>暂停</translation>
    </message>
    <message>
        <source>resume</source>
        <translation>继续</translation>
    </message>
    <message>
        <source>stop</source>
        <translation>停止</translation>
    </message>
    <message>
        <source>paced at {}</source>
        <translation>限速 {}</translation>
    </message>
</context>
<context>
    <name>MemoryBar</name>
    <message>
        <source>Memory by part, in proportion</source>
        <translation>按比例显示各部分内存</translation>
    </message>
</context>
<context>
    <name>MemoryLevel</name>
    <message>
        <source>{cache} and memory</source>
        <translation>{cache} 与内存</translation>
    </message>
    <message>
        <source>memory</source>
        <translation>内存</translation>
    </message>
</context>
<context>
    <name>MemoryPage</name>
    <message>
        <source>Part</source>
        <translation>部分</translation>
    </message>
    <message>
        <source>Size</source>
        <translation>大小</translation>
    </message>
    <message>
        <source>Share ƒ</source>
        <translation>占比 ƒ</translation>
    </message>
    <message>
        <source>Memory by part</source>
        <translation>各部分内存</translation>
    </message>
    <message>
        <source>Each part with its size and its share of all; ● measured, ƒ derived.</source>
        <translation>各部分的大小及其占比；● 测量，ƒ 推导。</translation>
    </message>
    <message>
        <source>All of it</source>
        <translation>全部</translation>
    </message>
    <message>
        <source>Weights</source>
        <translation>权重</translation>
    </message>
    <message>
        <source>KV cache, reserved</source>
        <translation>KV 缓存（预留）</translation>
    </message>
    <message>
        <source>used</source>
        <translation>已用</translation>
    </message>
    <message>
        <source>evictable</source>
        <translation>可驱逐</translation>
    </message>
    <message>
        <source>held, not yet filled</source>
        <translation>已占用、尚未写入</translation>
    </message>
    <message>
        <source>kept for a batch that goes on</source>
        <translation>为未结束的批次保留</translation>
    </message>
    <message>
        <source>reserved, nobody&apos;s</source>
        <translation>已预留、无主</translation>
    </message>
    <message>
        <source>held, not yet filled (draft)</source>
        <translation>已占用、尚未写入（草稿）</translation>
    </message>
    <message>
        <source>Set aside by the draft model&apos;s cache, and nothing is written in it.</source>
        <translation>草稿模型的缓存已分出，但没有写入内容。</translation>
    </message>
    <message>
        <source>The cache when requests held most of it in the steps {first}–{last}: step {peak}.</source>
        <translation>第 {first}–{last} 步中请求占用缓存最多之时：第 {peak} 步。</translation>
    </message>
    <message>
        <source>not recorded</source>
        <translation>未记录</translation>
    </message>
    <message>
        <source>Draft model</source>
        <translation>草稿模型</translation>
    </message>
    <message>
        <source>Weights (draft)</source>
        <translation>权重（草稿）</translation>
    </message>
    <message>
        <source>KV cache (draft), reserved</source>
        <translation>KV 缓存（草稿），预留</translation>
    </message>
    <message>
        <source>used (draft)</source>
        <translation>已用（草稿）</translation>
    </message>
    <message>
        <source>Activations, at most</source>
        <translation>激活（最大）</translation>
    </message>
    <message>
        <source>Allocator&apos;s reserve</source>
        <translation>分配器预留</translation>
    </message>
    <message>
        <source>Everything else</source>
        <translation>其余</translation>
    </message>
    <message>
        <source>What the device has in use (GPU), or the engine process holds (CPU), at its largest.</source>
        <translation>设备正在使用（GPU）或引擎进程占用（CPU）的内存，取最大值。</translation>
    </message>
    <message>
        <source>The model&apos;s parameters as they are stored on the device.</source>
        <translation>存放在设备上的模型参数。</translation>
    </message>
    <message>
        <source>What the model&apos;s KV cache took from the device, when the caches took most.</source>
        <translation>模型的 KV 缓存从设备取得的内存，取各缓存合计最大的时刻。</translation>
    </message>
    <message>
        <source>Holds keys and values of live positions: of requests that had not ended.</source>
        <translation>存放存活位置（所属请求尚未结束）的键和值。</translation>
    </message>
    <message>
        <source>Set aside for such requests, and nothing is written in it yet.</source>
        <translation>已分给这些请求，但还没有写入内容。</translation>
    </message>
    <message>
        <source>What requests still have that have ended, until the last one of their static batch has.</source>
        <translation>已结束的请求仍占着的内存，直到其静态批次的最后一个请求结束。</translation>
    </message>
    <message>
        <source>Taken from the device by the cache, and no request has it.</source>
        <translation>缓存已从设备取得，但不属于任何请求。</translation>
    </message>
    <message>
        <source>A smaller model that proposes tokens: it takes memory as long as it is loaded.</source>
        <translation>提出候选 token 的较小模型：只要已加载，就占用内存。</translation>
    </message>
    <message>
        <source>The draft model&apos;s parameters; they are there with speculate off, too.</source>
        <translation>草稿模型的参数；关闭推测解码（speculate off）时也占用内存。</translation>
    </message>
    <message>
        <source>What the draft model&apos;s own KV cache took from the device; nothing with speculate off.</source>
        <translation>草稿模型自己的 KV 缓存从设备取得的内存；speculate 为 off 时为零。</translation>
    </message>
    <message>
        <source>Holds the draft model&apos;s keys and values of known tokens.</source>
        <translation>存放草稿模型对已知 token 的键和值。</translation>
    </message>
    <message>
        <source>What a forward pass needs beside weights and caches at its widest moment.</source>
        <translation>一次前向在最宽时刻除权重和各缓存外所需的内存。</translation>
    </message>
    <message>
        <source>Held only for possible reuse by a request that begins alike.</source>
        <translation>仅为开头相同的请求可能的复用而保留。</translation>
    </message>
    <message>
        <source>Taken from the device by the allocator and not handed out.</source>
        <translation>分配器从设备取得但尚未分配出去的内存。</translation>
    </message>
    <message>
        <source>Libraries, code, and whatever else lies in it; on a GPU other programs too.</source>
        <translation>库、代码以及其中的其他内容；在 GPU 上还包括其他程序。</translation>
    </message>
    <message>
        <source>Everything at step {step}.</source>
        <translation>全部为第 {step} 步的数值。</translation>
    </message>
    <message>
        <source>Caches at their peak, step {peak}; all of it, activations and the allocator at their largest of the steps {first}–{last}.</source>
        <translation>缓存取其峰值（第 {peak} 步）；总量、激活和分配器取第 {first}–{last} 步中的最大值。</translation>
    </message>
    <message>
        <source>not reported</source>
        <translation>未报告</translation>
    </message>
</context>
<context>
    <name>Menus</name>
    <message>
        <source>Clear this list</source>
        <translation>清空此列表</translation>
    </message>
    <message>
        <source>Pause</source>
        <translation>暂停</translation>
    </message>
    <message>
        <source>Resume</source>
        <translation>继续</translation>
    </message>
    <message>
        <source>Run</source>
        <translation>运行</translation>
    </message>
    <message>
        <source>Stop after the step in progress, and go on later</source>
        <translation>完成当前步后停下，稍后可继续</translation>
    </message>
    <message>
        <source>Go on</source>
        <translation>继续运行</translation>
    </message>
    <message>
        <source>Generate text from the prompt and record every step</source>
        <translation>由提示词生成文本并记录每一步</translation>
    </message>
    <message>
        <source>Run one step, then pause</source>
        <translation>运行一步，然后暂停</translation>
    </message>
    <message>
        <source>End the run; its recording is kept</source>
        <translation>结束运行；记录会保留</translation>
    </message>
    <message>
        <source>Measure again how fast this device reads and multiplies at most: MBU and the roofline rest on it</source>
        <translation>重新测量本设备读取和乘法的最高速度：MBU 和屋顶线以此为据</translation>
    </message>
    <message>
        <source>Put another precision of the loaded model beside it over the same text: speed, bytes, divergence, layers by damage</source>
        <translation>让已加载模型的另一种精度与它读同一段文本：速度、字节数、散度，以及按损害排序的各层</translation>
    </message>
    <message>
        <source>Begin a new run; one that goes on ends</source>
        <translation>开始新的运行；正在进行的运行会结束</translation>
    </message>
    <message>
        <source>Leave the replay</source>
        <translation>退出回放</translation>
    </message>
    <message>
        <source>Replay this recording</source>
        <translation>回放此记录</translation>
    </message>
    <message>
        <source>Show the whole recording again</source>
        <translation>重新显示整个记录</translation>
    </message>
    <message>
        <source>Show the recording again as it went on, at its own speed, slower, faster or step by step</source>
        <translation>按记录时的进程重新显示：原速、更慢、更快或逐步</translation>
    </message>
    <message>
        <source>A run can be replayed when it is over, a recording when it is shown</source>
        <translation>运行结束后可以回放；记录在显示时可以回放</translation>
    </message>
    <message>
        <source>Undo</source>
        <translation>撤销</translation>
    </message>
    <message>
        <source>Undo: {}</source>
        <translation>撤销：{}</translation>
    </message>
    <message>
        <source>Redo</source>
        <translation>重做</translation>
    </message>
    <message>
        <source>Redo: {}</source>
        <translation>重做：{}</translation>
    </message>
    <message>
        <source>Cancel run</source>
        <translation>取消运行</translation>
    </message>
    <message>
        <source>Queue run</source>
        <translation>排队运行</translation>
    </message>
    <message>
        <source>The run starts as soon as the model is ready; press to cancel it</source>
        <translation>模型一就绪就开始运行；按下可取消</translation>
    </message>
    <message>
        <source>Record what the server does</source>
        <translation>记录服务器所做的一切</translation>
    </message>
    <message>
        <source>Starts the run as soon as the model is ready</source>
        <translation>模型一就绪就开始运行</translation>
    </message>
    <message>
        <source>As the system</source>
        <translation>跟随系统</translation>
    </message>
    <message>
        <source>Dark</source>
        <translation>深色</translation>
    </message>
    <message>
        <source>Light</source>
        <translation>浅色</translation>
    </message>
    <message>
        <source>The newest {}</source>
        <translation>最新的 {} 个</translation>
    </message>
    <message>
        <source>All</source>
        <translation>全部</translation>
    </message>
    <message>
        <source>Everything, a recording an hour</source>
        <translation>全部，每小时一个记录</translation>
    </message>
    <message>
        <source>The last 4 hours, older parts deleted</source>
        <translation>最近 4 小时，更早的部分会删除</translation>
    </message>
    <message>
        <source>The last hour, older parts deleted</source>
        <translation>最近 1 小时，更早的部分会删除</translation>
    </message>
    <message>
        <source>The last 10 minutes, older parts deleted</source>
        <translation>最近 10 分钟，更早的部分会删除</translation>
    </message>
    <message>
        <source>&amp;File</source>
        <translation>文件(&amp;F)</translation>
    </message>
    <message>
        <source>&amp;Run</source>
        <translation>运行(&amp;R)</translation>
    </message>
    <message>
        <source>&amp;Edit</source>
        <translation>编辑(&amp;E)</translation>
    </message>
    <message>
        <source>&amp;Selection</source>
        <translation>选择(&amp;S)</translation>
    </message>
    <message>
        <source>S&amp;cenarios</source>
        <translation>场景(&amp;C)</translation>
    </message>
    <message>
        <source>&amp;View</source>
        <translation>视图(&amp;V)</translation>
    </message>
    <message>
        <source>&amp;Help</source>
        <translation>帮助(&amp;H)</translation>
    </message>
    <message>
        <source>Open recent</source>
        <translation>最近打开</translation>
    </message>
    <message>
        <source>Theme</source>
        <translation>主题</translation>
    </message>
    <message>
        <source>Language</source>
        <translation>语言</translation>
    </message>
    <message>
        <source>Recordings that are kept</source>
        <translation>保留的记录</translation>
    </message>
    <message>
        <source>Of a watch of a server is kept</source>
        <translation>观察服务器时保留</translation>
    </message>
    <message>
        <source>Open session…</source>
        <translation>打开会话…</translation>
    </message>
    <message>
        <source>Recordings…</source>
        <translation>记录…</translation>
    </message>
    <message>
        <source>Save session as…</source>
        <translation>会话另存为…</translation>
    </message>
    <message>
        <source>Keep what just happened</source>
        <translation>留存刚刚发生的一切</translation>
    </message>
    <message>
        <source>Compare with a session…</source>
        <translation>与会话对比…</translation>
    </message>
    <message>
        <source>Open model folder…</source>
        <translation>打开模型文件夹…</translation>
    </message>
    <message>
        <source>Open GGUF file…</source>
        <translation>打开 GGUF 文件…</translation>
    </message>
    <message>
        <source>Open request list…</source>
        <translation>打开请求列表…</translation>
    </message>
    <message>
        <source>Attach to a server…</source>
        <translation>连接到服务器…</translation>
    </message>
    <message>
        <source>Attach again</source>
        <translation>重新连接</translation>
    </message>
    <message>
        <source>Detach from the server</source>
        <translation>断开与服务器的连接</translation>
    </message>
    <message>
        <source>Export picture of the window…</source>
        <translation>导出窗口图片…</translation>
    </message>
    <message>
        <source>Export picture of the panel…</source>
        <translation>导出面板图片…</translation>
    </message>
    <message>
        <source>Export trace…</source>
        <translation>导出 trace…</translation>
    </message>
    <message>
        <source>Export report as HTML…</source>
        <translation>导出 HTML 报告…</translation>
    </message>
    <message>
        <source>Export tables as CSV…</source>
        <translation>导出 CSV 表格…</translation>
    </message>
    <message>
        <source>Export tables as Parquet…</source>
        <translation>导出 Parquet 表格…</translation>
    </message>
    <message>
        <source>Copy panel as picture</source>
        <translation>将面板复制为图片</translation>
    </message>
    <message>
        <source>Copy panel as CSV</source>
        <translation>将面板复制为 CSV</translation>
    </message>
    <message>
        <source>Quit</source>
        <translation>退出</translation>
    </message>
    <message>
        <source>Run from the start</source>
        <translation>从头运行</translation>
    </message>
    <message>
        <source>Step</source>
        <translation>单步</translation>
    </message>
    <message>
        <source>Stop</source>
        <translation>停止</translation>
    </message>
    <message>
        <source>Put a mark here</source>
        <translation>在此处做标记</translation>
    </message>
    <message>
        <source>Play or pause the replay</source>
        <translation>播放或暂停回放</translation>
    </message>
    <message>
        <source>Replay: one step back</source>
        <translation>回放：后退一步</translation>
    </message>
    <message>
        <source>Replay: one step on</source>
        <translation>回放：前进一步</translation>
    </message>
    <message>
        <source>Replay: to the beginning</source>
        <translation>回放：到开头</translation>
    </message>
    <message>
        <source>Replay: to the end</source>
        <translation>回放：到结尾</translation>
    </message>
    <message>
        <source>Rename mark…</source>
        <translation>重命名标记…</translation>
    </message>
    <message>
        <source>Remove mark</source>
        <translation>删除标记</translation>
    </message>
    <message>
        <source>Previous mark</source>
        <translation>上一个标记</translation>
    </message>
    <message>
        <source>Next mark</source>
        <translation>下一个标记</translation>
    </message>
    <message>
        <source>Use this recording&apos;s settings for the next run</source>
        <translation>下一次运行采用此记录的设置</translation>
    </message>
    <message>
        <source>Compare precision…</source>
        <translation>对比精度…</translation>
    </message>
    <message>
        <source>Measure ceilings again</source>
        <translation>重新测量上限</translation>
    </message>
    <message>
        <source>Find…</source>
        <translation>查找…</translation>
    </message>
    <message>
        <source>Find next</source>
        <translation>查找下一个</translation>
    </message>
    <message>
        <source>Find previous</source>
        <translation>查找上一个</translation>
    </message>
    <message>
        <source>Clear selection, else stop</source>
        <translation>清除选择，否则停止</translation>
    </message>
    <message>
        <source>Back</source>
        <translation>后退</translation>
    </message>
    <message>
        <source>Forward</source>
        <translation>前进</translation>
    </message>
    <message>
        <source>Previous token or step</source>
        <translation>上一个 token 或步</translation>
    </message>
    <message>
        <source>Next token or step</source>
        <translation>下一个 token 或步</translation>
    </message>
    <message>
        <source>Previous request or layer</source>
        <translation>上一个请求或层</translation>
    </message>
    <message>
        <source>Next request or layer</source>
        <translation>下一个请求或层</translation>
    </message>
    <message>
        <source>Frame the selection, then all</source>
        <translation>显示所选范围，再按显示全部</translation>
    </message>
    <message>
        <source>Zoom in</source>
        <translation>放大</translation>
    </message>
    <message>
        <source>Zoom out</source>
        <translation>缩小</translation>
    </message>
    <message>
        <source>Pan left</source>
        <translation>左移</translation>
    </message>
    <message>
        <source>Pan right</source>
        <translation>右移</translation>
    </message>
    <message>
        <source>Start page</source>
        <translation>起始页</translation>
    </message>
    <message>
        <source>Follow live</source>
        <translation>跟随最新</translation>
    </message>
    <message>
        <source>Back to the live run</source>
        <translation>回到正在进行的运行</translation>
    </message>
    <message>
        <source>Restore layout</source>
        <translation>恢复布局</translation>
    </message>
    <message>
        <source>Full screen</source>
        <translation>全屏</translation>
    </message>
    <message>
        <source>Command palette…</source>
        <translation>命令面板…</translation>
    </message>
    <message>
        <source>Keys…</source>
        <translation>快捷键…</translation>
    </message>
    <message>
        <source>What does this panel show?</source>
        <translation>此面板显示什么？</translation>
    </message>
    <message>
        <source>About DecodeScope…</source>
        <translation>关于 DecodeScope…</translation>
    </message>
</context>
<context>
    <name>ModelControl</name>
    <message>
        <source>{} parameters</source>
        <translation>{} 参数</translation>
    </message>
    <message>
        <source>{weights} weights, computing in {dtype}</source>
        <translation>权重 {weights}，以 {dtype} 计算</translation>
    </message>
    <message>
        <source>{n} of {cores} threads</source>
        <translation>{n}/{cores} 个线程</translation>
    </message>
    <message>
        <source>CUDA graphs</source>
        <translation>CUDA 图</translation>
    </message>
    <message>
        <source>compiled step</source>
        <translation>整步编译</translation>
    </message>
    <message>
        <source>on</source>
        <translation>开</translation>
    </message>
    <message>
        <source>off</source>
        <translation>关</translation>
    </message>
    <message>
        <source>auto: attention {attention}, {graphs} {on}</source>
        <translation>自动：注意力 {attention}，{graphs}{on}</translation>
    </message>
</context>
<context>
    <name>ModelPicker</name>
    <message>
        <source>Model folder</source>
        <translation>模型文件夹</translation>
    </message>
    <message>
        <source>Model in a GGUF file</source>
        <translation>GGUF 文件中的模型</translation>
    </message>
    <message>
        <source>GGUF models (*.gguf);;All files (*)</source>
        <translation>GGUF 模型 (*.gguf);;所有文件 (*)</translation>
    </message>
    <message>
        <source>Model</source>
        <translation>模型</translation>
    </message>
    <message>
        <source>Choose a model folder (config.json, safetensors, tokenizer.json)</source>
        <translation>选择模型文件夹（config.json、safetensors、tokenizer.json）</translation>
    </message>
    <message>
        <source>Choose a model folder</source>
        <translation>选择模型文件夹</translation>
    </message>
    <message>
        <source>Choose a model in a GGUF file</source>
        <translation>选择 GGUF 文件中的模型</translation>
    </message>
    <message>
        <source>Demo model (bundled)</source>
        <translation>演示模型（内置）</translation>
    </message>
    <message>
        <source>{name} · {size}</source>
        <translation>{name} · {size}</translation>
    </message>
</context>
<context>
    <name>NextRunSettings</name>
    <message>
        <source>The next run</source>
        <translation>下一次运行</translation>
    </message>
    <message>
        <source>Stop texts</source>
        <translation>停止串</translation>
    </message>
    <message>
        <source>A request ends where one of these appears; one a line, \n stands for a line end</source>
        <translation>出现其中之一时请求结束；每行一个，\n 表示换行</translation>
    </message>
    <message>
        <source>Switch at</source>
        <translation>定步切换</translation>
    </message>
    <message>
        <source>Flip switches before a step: STEP:NAME=VALUE, more of them after a semicolon</source>
        <translation>在某一步之前切换开关：STEP:NAME=VALUE，多项用分号隔开</translation>
    </message>
    <message>
        <source>Teacher pass</source>
        <translation>教师强制前向</translation>
    </message>
    <message>
        <source>At the end, pass each request&apos;s text through the model at once (panel Parallel vs serial)</source>
        <translation>结束时让每个请求的文本一次通过模型（“并行与串行”面板）</translation>
    </message>
    <message>
        <source>A request takes at most {n} stop texts of at most {length} characters.</source>
        <translation>一个请求最多 {n} 个停止串，每个最多 {length} 个字符。</translation>
    </message>
</context>
<context>
    <name>PaceControl</name>
    <message>
        <source>Pace</source>
        <translation>速度</translation>
    </message>
    <message>
        <source>Full speed</source>
        <translation>全速</translation>
    </message>
    <message>
        <source>Step by step</source>
        <translation>逐步</translation>
    </message>
    <message>
        <source>Slows a run down so that it can be watched: each request gets at most so many tokens a second. The rests between steps are recorded as pauses: no step&apos;s time, no gap between tokens and no rate counts them. A step after a rest may take longer than at full speed: clocks and caches have cooled down.</source>
        <translation>放慢运行以便观看：每个请求每秒最多得到这么多 token。步与步之间的等待记为暂停，不计入步的时间、token 间隔和速率。等待之后的一步可能比全速时更慢：时钟降了频，缓存也凉了。</translation>
    </message>
</context>
<context>
    <name>Panel</name>
    <message>
        <source>What each step computed can be told only from inside the server.</source>
        <translation>每一步计算了什么，只有从服务器内部才能得知。</translation>
    </message>
</context>
<context>
    <name>PanelDock</name>
    <message>
        <source>This cannot be shown: {}</source>
        <translation>无法显示：{}</translation>
    </message>
    <message>
        <source>At this moment of the replay nothing of this had happened yet.</source>
        <translation>回放到此刻，这些都还没有发生。</translation>
    </message>
    <message>
        <source>Running: it appears here in a moment.</source>
        <translation>运行中：马上显示在这里。</translation>
    </message>
    <message>
        <source>It appears here in a moment.</source>
        <translation>马上显示在这里。</translation>
    </message>
    <message>
        <source>The server has told nothing yet that appears here.</source>
        <translation>服务器尚未提供可显示在此处的内容。</translation>
    </message>
</context>
<context>
    <name>PanelHeader</name>
    <message>
        <source>step {}</source>
        <translation>第 {} 步</translation>
    </message>
    <message>
        <source>steps {}–{}</source>
        <translation>第 {}–{} 步</translation>
    </message>
    <message>
        <source>Copy as picture</source>
        <translation>复制为图片</translation>
    </message>
    <message>
        <source>Copy as CSV</source>
        <translation>复制为 CSV</translation>
    </message>
    <message>
        <source>Export picture…</source>
        <translation>导出图片…</translation>
    </message>
    <message>
        <source>Float or dock</source>
        <translation>浮动或停靠</translation>
    </message>
    <message>
        <source>What does this show?</source>
        <translation>这里显示什么？</translation>
    </message>
    <message>
        <source>Menu of {}</source>
        <translation>“{}”菜单</translation>
    </message>
    <message>
        <source>Close {}</source>
        <translation>关闭“{}”</translation>
    </message>
</context>
<context>
    <name>PanelHelp</name>
    <message>
        <source>Under the time axis lie the host, the device, and a lane for each request with its tokens. The colours are the groups of time that the Latency panel names. A gap between two blocks is time without computation.</source>
        <translation>时间轴下方依次是主机、设备，以及每个请求一条带有 token 的泳道。颜色对应“延迟”面板中的各部分时间。两块之间的空隙是没有计算的时间。</translation>
    </message>
    <message>
        <source>It follows the selection: click a token or a step in any panel. It says which other tokens the model weighed, how long the step took, who shared it, and what delayed a late token.</source>
        <translation>它跟随选择：在任意面板中单击 token 或步。它说明模型还考虑过哪些 token、该步用了多久、哪些请求同在这一步，以及慢 token 慢在哪里。</translation>
    </message>
    <message>
        <source>A column is a step, a row a position of the text. Solid blue is computed for the first time, hatched orange again, dotted grey is padding, crossed purple a rejected draft, and a green outline came from the cache. The curves below count positions and FLOPs up to each step; dashed lines are the theory.</source>
        <translation>一列是一步，一行是文本的一个位置。实心蓝色为首次计算，斜线橙色为重复计算，点状灰色为填充，交叉紫色为被拒绝的草稿，绿色边框取自缓存。下方曲线是到每一步为止的位置数和 FLOPs；虚线为理论值。</translation>
    </message>
    <message>
        <source>Used bytes hold live positions, reserved bytes are taken from the device; what is reserved and not used is wasted. The calculator predicts the cache of any model: 2 · layers · positions · KV heads · head dim · bytes an element.</source>
        <translation>已用字节存放存活位置，预留字节已从设备取得；预留而未用的部分是浪费。计算器可预测任意模型的缓存：2 · 层数 · 位置数 · KV 头数 · 头维度 · 每元素字节数。</translation>
    </message>
    <message>
        <source>A row of the map is the token that looks (the query), a column the token that it looks at (the key). Each row adds up to 1. Rows exist for the layer and head that were recorded while the run went on.</source>
        <translation>图中一行是发出查询的 token，一列是被关注的 token（键）。每行之和为 1。只有运行时记录了的层和头才有行。</translation>
    </message>
    <message>
        <source>A row of the table is a part of a token&apos;s time: its mean, its 99th percentile, its share. Below, a bar is a step, stacked by the same parts, and the histogram counts steps by their time: dragging over times selects those steps in all panels. A ▲ at the top of a bar says that it is higher than the axis; log shows all.</source>
        <translation>表中一行是一个 token 时间的一部分：均值、第 99 百分位和占比。下方一根柱子是一步，按同样的部分堆叠；直方图按耗时统计步数，在时间上拖动会在所有面板中选中这些步。柱顶的 ▲ 表示它高出坐标轴；切换到对数可看到全部。</translation>
    </message>
    <message>
        <source>MBU is the share of the memory bandwidth that the steps used, MFU that of the arithmetic. Both ceilings were measured on this device. What a device does not report is said in words and never drawn as 0.</source>
        <translation>MBU 是各步用到的内存带宽比例，MFU 是算力比例。两个上限都在本设备上测得。设备没有报告的，用文字说明，绝不画成 0。</translation>
    </message>
    <message>
        <source>Slanted lines are the measured bandwidth of memory and caches, the flat one is the measured arithmetic. A point below a slanted line is limited by memory, one below the flat line by arithmetic; the distance to the line is what is left to gain.</source>
        <translation>斜线是实测的内存与缓存带宽，水平线是实测的算力。位于斜线下方的点受内存限制，位于水平线下方的点受算力限制；到线的距离就是还能提升的余地。</translation>
    </message>
    <message>
        <source>Each row holds a statement of the reference beside what this session measured. The tool tip of a figure gives its exact value and where it comes from.</source>
        <translation>每一行把参考文档的一条说法与本会话的实测值并列。数字的提示给出精确值及来源。</translation>
    </message>
    <message>
        <source>A row is a slot of the batch, a column a step; colour and number name the request that has the slot. Dots are padding, an empty slot is idle. Below stands how many requests wait.</source>
        <translation>一行是批次的一个槽位，一列是一步；颜色和编号表示占用槽位的请求。点状为填充，空白为空闲。下方是等待的请求数。</translation>
    </message>
    <message>
        <source>One pass over a finished text computes all its positions at once; to generate it takes a step for every token. Here both are measured on the same text, with the tokens that the pass would have chosen too.</source>
        <translation>对写好的文本做一次前向，会一次算出所有位置；而生成它需要每个 token 一步。这里用同一文本测量两者，并比较前向会选出的 token。</translation>
    </message>
    <message>
        <source>A is what the window shows, or its selected steps; B a recording, or a pinned baseline. An interval says where the difference lies with 95 %, by a bootstrap over steps. ◆ marks what is apart beyond chance and 3 %: of pairs of equal recordings at most 5 % have any ◆. Explained: the time per token is taken apart into positions computed, bytes moved, steps per token, the attention kernel, phases and gaps, by costs fitted to the steps of both sides; the parts add up to the difference, and what no rule explains is said.</source>
        <translation>A 是窗口所显示的内容或其所选的步；B 是一个记录或固定的基线。区间说明差异以 95 % 的把握落在何处，由对步的自助法（bootstrap）得出。◆ 标出超出偶然且大于 3 % 的差异：相同记录的配对中，最多 5 % 会出现 ◆。成因：把每 token 时间按拟合两侧各步所得的代价，拆分为计算的位置、搬运的字节、每 token 的步数、注意力内核、各阶段与空隙；各部分之和等于差值，规则解释不了的部分会注明。</translation>
    </message>
    <message>
        <source>“Measure all” runs every improvement off and on. A row changes one thing only. The band is what the reference claims, the mark what this machine measured.</source>
        <translation>“全部测量”会逐项运行每项改进的关与开，每行只改变一件事。色带是参考值，标记是本机实测值。</translation>
    </message>
    <message>
        <source>Name and notes are yours: they are kept in the recording itself, and Undo takes a change back. The table is what was recorded, in groups; a row of Switches says from which step on what was changed, and a click selects that step. Ctrl+C copies the value of a row, a double click opens it so that a part can be selected.</source>
        <translation>名称和备注可自行填写，保存在记录本身之中，“撤销”可撤回更改。表格分组列出所记录的内容；“开关”组的一行说明从哪一步起改变了什么，单击即选中该步。Ctrl+C 复制一行的值，双击打开该值，以便选取其中一部分。</translation>
    </message>
    <message>
        <source>A row is a request, with its own times: the queue before its first step, the time to its first token (TTFT), the time of each later one (TPOT), and how long it took. Below stand the percentiles of the requests that are shown: those of a selected range of steps, or in the chosen state. A head sorts by its column.</source>
        <translation>一行是一个请求及其各项时间：首步之前的排队、首 token 时间（TTFT）、其后每个 token 的时间（TPOT）和总用时。下方是所显示请求的分位数：所选步范围内的请求，或处于所选状态的请求。单击列标题按该列排序。</translation>
    </message>
    <message>
        <source>Run &gt; Compare precision… lets the loaded model (A, the reference) and another precision of it (B) read the same text, each token given. KL is the divergence of B&apos;s distribution of the next token from A&apos;s, in nats: 0 where both are the same. Perplexity is exp of the mean −log p of the text&apos;s own tokens. A layer&apos;s damage is the KL that remains when it alone has B&apos;s weights and all else is A&apos;s; these need not add up to the whole. Decode and prompt are timed in turn, without sampling.</source>
        <translation>“运行 &gt; 对比精度…”让已加载的模型（A，基准）与它的另一种精度（B）读同一段文本，每个 token 都是给定的。KL 是 B 对下一个 token 的分布相对 A 的散度，单位 nat：两者相同时为 0。困惑度是文本自身各 token 的平均 −log p 的指数。某层的损害，是仅该层用 B 的权重、其余都用 A 时的 KL；各层之和不必等于总体。解码与提示轮流计时，不采样。</translation>
    </message>
    <message>
        <source>It shows what was imported from a trace of PyTorch&apos;s profiler. A row is a kernel of the device or a range of the host with the time of all its calls, of the selected steps or of the whole trace. Calls in no step are those that nothing in the trace leads back to one.</source>
        <translation>这里显示从 PyTorch profiler 的 trace 导入的内容。一行是设备的一个内核或主机的一个区间，以及其所有调用的时间，范围为所选的步或整个 trace。“不在步内”的调用，是 trace 中没有任何信息能将其追溯到某一步的调用。</translation>
    </message>
    <message>
        <source>A query reads the session&apos;s file and can change nothing. A click on a table or a column inserts its name. :first and :last stand for the selected steps (or all), :step, :request and :token for what is selected. A row that has a step_id or a request_id, or the id of a step, a request or a token, selects that in the window when it is clicked. A query gets 10 s, and shows at most 100 000 rows.</source>
        <translation>查询读取会话文件，不会改变任何内容。单击表或列即插入其名称。:first 和 :last 代表所选的步（未选则为全部），:step、:request 和 :token 代表所选的对象。如果一行含有 step_id、request_id，或步、请求、token 的 id，单击该行即在窗口中选中对应的对象。一次查询限时 10 s，最多显示 100 000 行。</translation>
    </message>
    <message>
        <source>Wheel or W and S zoom, dragging or A and D pan, F frames the selection, then all.</source>
        <translation>滚轮或 W、S 缩放，拖动或 A、D 平移，F 先显示所选范围，再按显示全部。</translation>
    </message>
    <message>
        <source>← and → go through tokens or steps, ↑ and ↓ through requests, L follows the run, M puts a mark.</source>
        <translation>← → 逐个 token 或步，↑ ↓ 逐个请求，L 跟随运行，M 做标记。</translation>
    </message>
    <message>
        <source>← and → go to the token or step before and after.</source>
        <translation>← → 前后移动一个 token 或一步。</translation>
    </message>
    <message>
        <source>← and → go through the steps, ↑ and ↓ through the layers.</source>
        <translation>← → 逐步，↑ ↓ 逐层。</translation>
    </message>
    <message>
        <source>The arrow keys move over the map, F shows all of it.</source>
        <translation>方向键在图上移动，F 显示全图。</translation>
    </message>
    <message>
        <source>N goes to the next outlier or selected step, Shift+N to the one before.</source>
        <translation>N 转到下一个离群步或所选步，Shift+N 转到上一个。</translation>
    </message>
    <message>
        <source>← and → go through the points of the chart.</source>
        <translation>← → 逐个查看图中的点。</translation>
    </message>
    <message>
        <source>Enter goes to the step of the longest call of a row.</source>
        <translation>Enter 转到该行最长一次调用所在的步。</translation>
    </message>
    <message>
        <source>↑ and ↓ go through the tokens that part.</source>
        <translation>↑ 与 ↓ 逐个查看分歧的 token。</translation>
    </message>
    <message>
        <source>↑ and ↓ go from request to request.</source>
        <translation>↑ ↓ 逐个请求。</translation>
    </message>
    <message>
        <source>↑ and ↓ go through the rows, Enter selects the step of a row.</source>
        <translation>↑ ↓ 逐行，Enter 选中该行的步。</translation>
    </message>
    <message>
        <source>↑ and ↓ select a request, Enter selects its first token.</source>
        <translation>↑ ↓ 选择请求，Enter 选中其首个 token。</translation>
    </message>
    <message>
        <source>In the editor Ctrl+Return runs the query, Esc cancels it. ↑ and ↓ go through the rows.</source>
        <translation>在编辑器中 Ctrl+Return 运行查询，Esc 取消查询。↑ ↓ 逐行。</translation>
    </message>
    <message>
        <source>● measured by a clock or a counter · ƒ derived from measured values · ~ predicted by a formula</source>
        <translation>● 由时钟或计数器实测 · ƒ 由实测值推导 · ~ 由公式预测</translation>
    </message>
</context>
<context>
    <name>PanelTitles</name>
    <message>
        <source>Timeline</source>
        <translation>时间线</translation>
    </message>
    <message>
        <source>When each step, token and pause happened, and what host and device did meanwhile.</source>
        <translation>每一步、每个 token 和每次暂停发生的时刻，以及主机与设备当时在做什么。</translation>
    </message>
    <message>
        <source>Inspector</source>
        <translation>检查器</translation>
    </message>
    <message>
        <source>What the selected token cost, and why it was chosen.</source>
        <translation>所选 token 的开销，以及它为何被选中。</translation>
    </message>
    <message>
        <source>Redundancy</source>
        <translation>冗余</translation>
    </message>
    <message>
        <source>Which positions each step computed, and which of them had been computed before.</source>
        <translation>每一步计算了哪些位置，其中哪些此前已经计算过。</translation>
    </message>
    <message>
        <source>KV memory</source>
        <translation>KV 内存</translation>
    </message>
    <message>
        <source>What the KV cache of every layer holds, beside the formula.</source>
        <translation>每一层 KV 缓存的占用，并与公式对照。</translation>
    </message>
    <message>
        <source>Attention</source>
        <translation>注意力</translation>
    </message>
    <message>
        <source>Which earlier tokens a head looks at, a row a token.</source>
        <translation>一个注意力头关注哪些先前的 token，每个 token 一行。</translation>
    </message>
    <message>
        <source>Latency</source>
        <translation>延迟</translation>
    </message>
    <message>
        <source>Where the time of a token goes, part by part, beside the reference values.</source>
        <translation>一个 token 的时间花在哪些部分，并与参考值对照。</translation>
    </message>
    <message>
        <source>What each improvement buys here, off and on, beside the reference.</source>
        <translation>每项改进在本机关与开的效果，并与参考值对照。</translation>
    </message>
    <message>
        <source>Session</source>
        <translation>会话</translation>
    </message>
    <message>
        <source>What this recording is: its name, model, machine, switches, requests and ceilings.</source>
        <translation>此记录是什么：名称、模型、机器、开关、请求和上限。</translation>
    </message>
    <message>
        <source>Requests</source>
        <translation>请求</translation>
    </message>
    <message>
        <source>How each request fared: its queue, its times, its tokens, and the percentiles of all.</source>
        <translation>每个请求的情况：排队、各项时间、token，以及全部请求的分位数。</translation>
    </message>
    <message>
        <source>Kernels</source>
        <translation>内核</translation>
    </message>
    <message>
        <source>Where the time of a profiler&apos;s trace went, by kernel and by operation.</source>
        <translation>profiler trace 的时间花在哪里，按内核和算子统计。</translation>
    </message>
    <message>
        <source>Query</source>
        <translation>查询</translation>
    </message>
    <message>
        <source>Read-only SQL over the session&apos;s file, as table, plot and CSV.</source>
        <translation>对会话文件的只读 SQL 查询，结果可为表格、图表和 CSV。</translation>
    </message>
    <message>
        <source>Compare</source>
        <translation>对比</translation>
    </message>
    <message>
        <source>How this recording, or a range of it, differs from another one or from a baseline, and why.</source>
        <translation>此记录或其中一段与另一个记录或基线有何差异，以及原因。</translation>
    </message>
    <message>
        <source>Precision</source>
        <translation>精度</translation>
    </message>
    <message>
        <source>What quantising costs: two precisions of one model over the same text, and which layers do the damage.</source>
        <translation>量化的代价：一个模型的两种精度读同一段文本，以及损害来自哪些层。</translation>
    </message>
    <message>
        <source>Utilisation</source>
        <translation>利用率</translation>
    </message>
    <message>
        <source>How busy the device is, and how near to its limits.</source>
        <translation>设备有多忙，离极限还有多远。</translation>
    </message>
    <message>
        <source>Roofline</source>
        <translation>屋顶线</translation>
    </message>
    <message>
        <source>Whether memory or arithmetic limits prefill, decode and each phase, and by which factor.</source>
        <translation>预填充、解码和每个阶段受内存还是计算限制，以及还差多少倍。</translation>
    </message>
    <message>
        <source>Summary</source>
        <translation>汇总</translation>
    </message>
    <message>
        <source>Training against inference row by row, filled from this session.</source>
        <translation>训练与推理逐项比较，由本会话的实测值填写。</translation>
    </message>
    <message>
        <source>Batch</source>
        <translation>批次</translation>
    </message>
    <message>
        <source>What batching wastes: who has which slot in each step, padding, idle slots, the queue.</source>
        <translation>批处理浪费了什么：每一步中谁占用哪个槽位、填充、空闲槽位和队列。</translation>
    </message>
    <message>
        <source>Parallel vs serial</source>
        <translation>并行与串行</translation>
    </message>
    <message>
        <source>What waiting for each token costs: one pass over the text beside the steps that made it.</source>
        <translation>逐个等待 token 的代价：对文本的一次前向与生成它的各步对照。</translation>
    </message>
    <message>
        <source>Before and after</source>
        <translation>前后对比</translation>
    </message>
</context>
<context>
    <name>ParallelPanel</name>
    <message>
        <source>Request that is compared</source>
        <translation>所比较的请求</translation>
    </message>
    <message>
        <source>The request whose pass and steps are compared.</source>
        <translation>比较其单次前向与各步的请求。</translation>
    </message>
    <message>
        <source>Run with a teacher-forced &amp;pass</source>
        <translation>运行并做一次教师强制前向(&amp;P)</translation>
    </message>
    <message>
        <source>Generate the text of this session&apos;s prompts again, then run all of it through the model at once.</source>
        <translation>重新生成本会话提示词的文本，然后把全部文本一次性通过模型。</translation>
    </message>
    <message>
        <source>Time of the steps and of the one pass</source>
        <translation>各步的时间与单次前向的时间</translation>
    </message>
    <message>
        <source>One pass beside the steps</source>
        <translation>单次前向与各步对照</translation>
    </message>
    <message>
        <source>A teacher-forced pass, the whole text through the model at once, needs DecodeScope&apos;s own engine; a server runs none.</source>
        <translation>教师强制前向（整段文本一次通过模型）需要 DecodeScope 自己的引擎；服务器不做这种前向。</translation>
    </message>
    <message>
        <source>This session has no teacher-forced pass yet. Run with one, and when the text is there it goes through the model once more, all positions at once: that time appears beside the steps that made the text.</source>
        <translation>本会话还没有教师强制前向。带上它运行：文本生成后会再次通过模型，所有位置一次完成；其时间会显示在生成该文本的各步旁边。</translation>
    </message>
    <message>
        <source>A model can look at a whole text at once, but must make it token by token. Run with a teacher-forced pass, and the time of both appears here for the same text.</source>
        <translation>模型可以一次看完整段文本，却必须逐个 token 地生成它。带教师强制前向运行，同一文本两种方式的时间就会显示在这里。</translation>
    </message>
    <message>
        <source>serial: {n} steps, one after the other, {time} {mark}</source>
        <translation>串行：{n} 步，一步接一步，{time} {mark}</translation>
    </message>
    <message>
        <source>parallel: one pass over {n} positions, {time} {mark}</source>
        <translation>并行：一次前向覆盖 {n} 个位置，{time} {mark}</translation>
    </message>
    <message>
        <source>{n} that the pass would not have chosen, by position {mark}</source>
        <translation>前向不会选择的 {n} 个 token（按位置）{mark}</translation>
    </message>
    <message>
        <source>request {}</source>
        <translation>请求 {}</translation>
    </message>
    <message>
        <source>how many tokens agree is not recorded</source>
        <translation>没有记录有多少 token 一致</translation>
    </message>
    <message>
        <source>all {n} tokens agree {mark}</source>
        <translation>全部 {n} 个 token 一致 {mark}</translation>
    </message>
    <message>
        <source>{some} of {n} tokens agree {mark}</source>
        <translation>{n} 个 token 中 {some} 个一致 {mark}</translation>
    </message>
    <message>
        <source>, drawn at temperature {}</source>
        <translation>，以温度 {} 采样</translation>
    </message>
    <message>
        <source>How</source>
        <translation>方式</translation>
    </message>
    <message>
        <source>The one teacher-forced pass, and the steps that made the text.</source>
        <translation>单次教师强制前向，以及生成文本的各步。</translation>
    </message>
    <message>
        <source>Time ●</source>
        <translation>时间 ●</translation>
    </message>
    <message>
        <source>Wall time of the pass; of the steps, without the gaps between them.</source>
        <translation>单次前向的墙钟时间；各步的墙钟时间，不含步间空隙。</translation>
    </message>
    <message>
        <source>MBU ƒ</source>
        <translation>MBU ƒ</translation>
    </message>
    <message>
        <source>Bytes moved over the time and the measured reading bandwidth of the device.</source>
        <translation>搬运的字节数除以时间和设备实测的读带宽。</translation>
    </message>
    <message>
        <source>MFU ƒ</source>
        <translation>MFU ƒ</translation>
    </message>
    <message>
        <source>Counted operations over the time and the measured peak rate of the device.</source>
        <translation>计得的运算数除以时间和设备实测的峰值速率。</translation>
    </message>
    <message>
        <source>Passes ●</source>
        <translation>前向次数 ●</translation>
    </message>
    <message>
        <source>How often the model ran its layers.</source>
        <translation>模型运行其各层的次数。</translation>
    </message>
    <message>
        <source>Tokens a pass ƒ</source>
        <translation>每次前向的 token ƒ</translation>
    </message>
    <message>
        <source>Generated tokens over passes.</source>
        <translation>生成的 token 数除以前向次数。</translation>
    </message>
    <message>
        <source>Agree ●</source>
        <translation>一致 ●</translation>
    </message>
    <message>
        <source>Re&amp;quest</source>
        <translation>请求(&amp;Q)</translation>
    </message>
    <message>
        <source>{factor}× {derived} · pass {parallel}, steps {serial} {measured}</source>
        <translation>{factor}× {derived} · 单次前向 {parallel}，各步 {serial} {measured}</translation>
    </message>
    <message>
        <source>{factor}× as long token by token as in one pass {mark}</source>
        <translation>逐个 token 用时为单次前向的 {factor}× {mark}</translation>
    </message>
    <message>
        <source>Tokens/s in steps ƒ</source>
        <translation>步内 token/s ƒ</translation>
    </message>
    <message>
        <source>Generated tokens over that time: the rate of a run counts what lies between steps too.</source>
        <translation>生成的 token 数除以该时间；整个运行的速率还计入步与步之间的时间。</translation>
    </message>
    <message>
        <source>Tokens of the steps that the pass finds likeliest too; sampling may differ.</source>
        <translation>各步给出的 token 中，单次前向也认为最可能的个数；采样时可能不同。</translation>
    </message>
    <message>
        <source>parallel</source>
        <translation>并行</translation>
    </message>
    <message>
        <source>serial</source>
        <translation>串行</translation>
    </message>
    <message>
        <source>How many times as fast, or as much, the one pass is, derived.</source>
        <translation>单次前向快多少倍或多多少倍，推导值。</translation>
    </message>
    <message>
        <source>factor ƒ</source>
        <translation>倍数 ƒ</translation>
    </message>
    <message>
        <source>step {step}, {kind}: {time}, {n} positions {mark}</source>
        <translation>第 {step} 步，{kind}：{time}，{n} 个位置 {mark}</translation>
    </message>
    <message>
        <source>gave {}</source>
        <translation>给出 {}</translation>
    </message>
</context>
<context>
    <name>Passes</name>
    <message>
        <source>1 teacher-forced pass</source>
        <translation>1 次教师强制前向</translation>
    </message>
    <message>
        <source>{n} teacher-forced passes</source>
        <translation>{n} 次教师强制前向</translation>
    </message>
</context>
<context>
    <name>PlotPage</name>
    <message>
        <source>Column along the plot</source>
        <translation>横轴的列</translation>
    </message>
    <message>
        <source>How it is drawn</source>
        <translation>绘制方式</translation>
    </message>
    <message>
        <source>Line</source>
        <translation>折线</translation>
    </message>
    <message>
        <source>Points</source>
        <translation>散点</translation>
    </message>
    <message>
        <source>Bars</source>
        <translation>柱形</translation>
    </message>
    <message>
        <source>A line in the order of the column along the plot</source>
        <translation>按横轴列的顺序连成折线</translation>
    </message>
    <message>
        <source>A point a row</source>
        <translation>每行一个点</translation>
    </message>
    <message>
        <source>A bar a row</source>
        <translation>每行一根柱子</translation>
    </message>
    <message>
        <source>over</source>
        <translation>横轴</translation>
    </message>
    <message>
        <source>No column of this answer has numbers, so there is nothing to draw.</source>
        <translation>结果中没有数值列，因此无图可画。</translation>
    </message>
    <message>
        <source>Plot of the answer</source>
        <translation>结果的图表</translation>
    </message>
    <message>
        <source>number of the row</source>
        <translation>行号</translation>
    </message>
    <message>
        <source>Draw {column}</source>
        <translation>绘制 {column}</translation>
    </message>
</context>
<context>
    <name>PolicyTable</name>
    <message>
        <source>Static beside continuous batching</source>
        <translation>静态批处理与连续批处理</translation>
    </message>
    <message>
        <source>How many times better continuous batching was for the same requests.</source>
        <translation>对同样的请求，连续批处理好多少倍。</translation>
    </message>
    <message>
        <source>factor {mark}</source>
        <translation>倍数 {mark}</translation>
    </message>
    <message>
        <source>Batching</source>
        <translation>批处理</translation>
    </message>
    <message>
        <source>The policy under which the requests ran.</source>
        <translation>运行这些请求的批处理方式。</translation>
    </message>
    <message>
        <source>Requests {mark}</source>
        <translation>请求 {mark}</translation>
    </message>
    <message>
        <source>The same requests under both policies.</source>
        <translation>两种方式运行同样的请求。</translation>
    </message>
    <message>
        <source>Steps {mark}</source>
        <translation>步数 {mark}</translation>
    </message>
    <message>
        <source>Passes over the model until all were served.</source>
        <translation>完成全部请求所需的前向次数。</translation>
    </message>
    <message>
        <source>Time {mark}</source>
        <translation>时间 {mark}</translation>
    </message>
    <message>
        <source>From the first arrival to the last token of all requests.</source>
        <translation>从首个请求到达至全部请求的最后一个 token。</translation>
    </message>
    <message>
        <source>Tokens/s {mark}</source>
        <translation>token/s {mark}</translation>
    </message>
    <message>
        <source>Generated tokens of all requests over the time.</source>
        <translation>全部请求生成的 token 数除以时间。</translation>
    </message>
    <message>
        <source>TTFT {mark}</source>
        <translation>TTFT {mark}</translation>
    </message>
    <message>
        <source>Time to first token: from a request&apos;s arrival, the wait in the queue included; the mean of all.</source>
        <translation>首 token 时间：从请求到达算起，含排队；取全部请求的均值。</translation>
    </message>
    <message>
        <source>Longest TTFT {mark}</source>
        <translation>最长 TTFT {mark}</translation>
    </message>
    <message>
        <source>Of the request that waited longest.</source>
        <translation>等待最久的请求的首 token 时间。</translation>
    </message>
    <message>
        <source>Wasted {mark}</source>
        <translation>浪费 {mark}</translation>
    </message>
    <message>
        <source>Share of the computed slot-steps that was padding, computed for no request.</source>
        <translation>所计算的槽步中，不属于任何请求的填充所占的比例。</translation>
    </message>
</context>
<context>
    <name>PoolSettings</name>
    <message>
        <source>Memory and batch</source>
        <translation>内存与批次</translation>
    </message>
    <message>
        <source>Block size</source>
        <translation>块大小</translation>
    </message>
    <message>
        <source>Positions that a block of the paged KV cache holds</source>
        <translation>分页 KV 缓存的一个块容纳的位置数</translation>
    </message>
    <message>
        <source>KV budget</source>
        <translation>KV 内存上限</translation>
    </message>
    <message>
        <source>The most memory of the KV cache, for example 512MiB; requests that do not fit wait</source>
        <translation>KV 缓存最多使用的内存，例如 512MiB；放不下的请求会等待</translation>
    </message>
    <message>
        <source>no limit</source>
        <translation>不限</translation>
    </message>
    <message>
        <source>Max batch</source>
        <translation>最大批次</translation>
    </message>
    <message>
        <source>The most requests that one step computes</source>
        <translation>一步最多计算的请求数</translation>
    </message>
    <message>
        <source>“{}” is no size of memory, for example 512MiB.</source>
        <translation>“{}”不是内存大小，应形如 512MiB。</translation>
    </message>
</context>
<context>
    <name>PrecisionControl</name>
    <message>
        <source>Name model B: a checkpoint folder or a GGUF file.</source>
        <translation>请指定模型 B：检查点文件夹或 GGUF 文件。</translation>
    </message>
    <message>
        <source>Model folder</source>
        <translation>模型文件夹</translation>
    </message>
    <message>
        <source>GGUF file</source>
        <translation>GGUF 文件</translation>
    </message>
    <message>
        <source>GGUF files (*.gguf)</source>
        <translation>GGUF 文件 (*.gguf)</translation>
    </message>
    <message>
        <source>Text file</source>
        <translation>文本文件</translation>
    </message>
</context>
<context>
    <name>PrecisionDialog</name>
    <message>
        <source>Compare precision</source>
        <translation>对比精度</translation>
    </message>
    <message>
        <source>a checkpoint folder or a GGUF file of the same model</source>
        <translation>同一模型的检查点文件夹或 GGUF 文件</translation>
    </message>
    <message>
        <source>&amp;Folder…</source>
        <translation>文件夹(&amp;F)…</translation>
    </message>
    <message>
        <source>&amp;GGUF file…</source>
        <translation>GGUF 文件(&amp;G)…</translation>
    </message>
    <message>
        <source>empty: a text that comes with the program</source>
        <translation>留空：使用程序自带的文本</translation>
    </message>
    <message>
        <source>&amp;Text file…</source>
        <translation>文本文件(&amp;T)…</translation>
    </message>
    <message>
        <source>Compare</source>
        <translation>对比</translation>
    </message>
    <message>
        <source>A, the reference</source>
        <translation>A，基准</translation>
    </message>
    <message>
        <source>&amp;B</source>
        <translation>&amp;B</translation>
    </message>
    <message>
        <source>B computes &amp;in</source>
        <translation>B 的计算精度(&amp;I)</translation>
    </message>
    <message>
        <source>T&amp;ext</source>
        <translation>文本(&amp;E)</translation>
    </message>
    <message>
        <source>&amp;Window</source>
        <translation>窗口(&amp;W)</translation>
    </message>
    <message>
        <source>T&amp;okens</source>
        <translation>token 数(&amp;O)</translation>
    </message>
    <message>
        <source>Tokens for each &amp;layer</source>
        <translation>每层的 token 数(&amp;L)</translation>
    </message>
    <message>
        <source>Model B</source>
        <translation>模型 B</translation>
    </message>
    <message>
        <source>A checkpoint folder or a GGUF file of the same model</source>
        <translation>同一模型的检查点文件夹或 GGUF 文件</translation>
    </message>
    <message>
        <source>Choose a checkpoint folder</source>
        <translation>选择检查点文件夹</translation>
    </message>
    <message>
        <source>Choose a GGUF file</source>
        <translation>选择 GGUF 文件</translation>
    </message>
    <message>
        <source>B computes in</source>
        <translation>B 的计算精度</translation>
    </message>
    <message>
        <source>The precision of B&apos;s activations and sums</source>
        <translation>B 的激活与求和的精度</translation>
    </message>
    <message>
        <source>Text</source>
        <translation>文本</translation>
    </message>
    <message>
        <source>A text file in UTF-8 that both models read</source>
        <translation>两个模型都读的 UTF-8 文本文件</translation>
    </message>
    <message>
        <source>Choose a text file</source>
        <translation>选择文本文件</translation>
    </message>
    <message>
        <source>Window</source>
        <translation>窗口</translation>
    </message>
    <message>
        <source>The text is cut into contexts of so many tokens, each on its own</source>
        <translation>文本按此 token 数切成互相独立的上下文</translation>
    </message>
    <message>
        <source>Tokens</source>
        <translation>token 数</translation>
    </message>
    <message>
        <source>Compare on so many tokens from the beginning of the text</source>
        <translation>用文本开头的这么多 token 进行对比</translation>
    </message>
    <message>
        <source>Tokens for each layer</source>
        <translation>每层的 token 数</translation>
    </message>
    <message>
        <source>Judge each layer of B alone on so many tokens; 0: judge none</source>
        <translation>用这么多 token 单独评判 B 的每一层；0：不评判</translation>
    </message>
    <message>
        <source>Load B and compare; Stop ends it at any time</source>
        <translation>加载 B 并对比；可随时用“停止”结束</translation>
    </message>
</context>
<context>
    <name>PrecisionPanel</name>
    <message>
        <source>Both models</source>
        <translation>两个模型</translation>
    </message>
    <message>
        <source>Tokens at which the models part</source>
        <translation>两个模型分歧的 token</translation>
    </message>
    <message>
        <source>Page</source>
        <translation>页</translation>
    </message>
    <message>
        <source>By damage</source>
        <translation>按损害</translation>
    </message>
    <message>
        <source>By layer</source>
        <translation>按层</translation>
    </message>
    <message>
        <source>By token</source>
        <translation>按 token</translation>
    </message>
    <message>
        <source>Parting</source>
        <translation>分歧</translation>
    </message>
    <message>
        <source>What each layer does when it alone has B&apos;s weights: the most damage first</source>
        <translation>仅该层用 B 的权重时的影响：损害最大的在前</translation>
    </message>
    <message>
        <source>What each layer does when it alone has B&apos;s weights: in the order of the model</source>
        <translation>仅该层用 B 的权重时的影响：按模型中的顺序</translation>
    </message>
    <message>
        <source>The divergence of B from A at each token of the text</source>
        <translation>文本每个 token 处 B 相对 A 的散度</translation>
    </message>
    <message>
        <source>The tokens at which A and B find another token likeliest</source>
        <translation>A 与 B 认为最可能的 token 不同之处</translation>
    </message>
    <message>
        <source>KL divergence by token</source>
        <translation>各 token 的 KL 散度</translation>
    </message>
    <message>
        <source>token</source>
        <translation>token</translation>
    </message>
    <message>
        <source>What quantising costs appears here: Run &gt; Compare precision… puts another precision of the loaded model beside it over the same text, token by token and layer by layer.</source>
        <translation>量化的代价显示在此处：“运行 &gt; 对比精度…”让已加载模型的另一种精度与它读同一段文本，逐 token、逐层对比。</translation>
    </message>
    <message>
        <source>KL {kl} a token {measured} · top token the same {same} {derived}</source>
        <translation>每 token KL {kl} {measured} · 最可能的 token 相同 {same} {derived}</translation>
    </message>
    <message>
        <source>{} done</source>
        <translation>已完成 {}</translation>
    </message>
    <message>
        <source>KL a token when one layer alone has B&apos;s weights {mark} · the same top token</source>
        <translation>仅一层用 B 的权重时每 token 的 KL {mark} · 最可能的 token 相同</translation>
    </message>
    <message>
        <source>Layers come after the tokens.</source>
        <translation>各层在 token 之后评判。</translation>
    </message>
    <message>
        <source>No layer was asked for.</source>
        <translation>没有要求评判各层。</translation>
    </message>
    <message>
        <source>KL {}</source>
        <translation>KL {}</translation>
    </message>
    <message>
        <source>mean so far {}</source>
        <translation>至此平均 {}</translation>
    </message>
    <message>
        <source>KL(A‖B) at each token</source>
        <translation>各 token 处的 KL(A‖B)</translation>
    </message>
    <message>
        <source>{n} of {asked} tokens of {text}, in windows of {window}. {layers} of {all} layers judged, on {judged} tokens each.</source>
        <translation>{text} 的 {asked} 个 token 中的 {n} 个，窗口为 {window}。{all} 层中已评判 {layers} 层，每层 {judged} 个 token。</translation>
    </message>
    <message>
        <source>The reference</source>
        <translation>基准</translation>
    </message>
    <message>
        <source>The model that is compared with it</source>
        <translation>与之对比的模型</translation>
    </message>
    <message>
        <source>B divided by A</source>
        <translation>B 除以 A</translation>
    </message>
    <message>
        <source>Model</source>
        <translation>模型</translation>
    </message>
    <message>
        <source>Weights held as</source>
        <translation>权重存放为</translation>
    </message>
    <message>
        <source>Kinds of weights as they lie in memory; the tool tip of each has their bytes</source>
        <translation>内存中权重的种类；各自的提示给出字节数</translation>
    </message>
    <message>
        <source>Computed in</source>
        <translation>计算精度</translation>
    </message>
    <message>
        <source>The precision of activations and sums</source>
        <translation>激活与求和的精度</translation>
    </message>
    <message>
        <source>Decode step</source>
        <translation>解码步</translation>
    </message>
    <message>
        <source>Steps of one position, without sampling: the median of those that were timed in turn</source>
        <translation>只算一个位置的步，不含采样：轮流计时的中位数</translation>
    </message>
    <message>
        <source>Prompt</source>
        <translation>提示</translation>
    </message>
    <message>
        <source>One pass over the first window, but for its last tokens: the median</source>
        <translation>对第一个窗口（末尾若干 token 除外）的一次计算：中位数</translation>
    </message>
    <message>
        <source>Weights read a token</source>
        <translation>每 token 读取的权重</translation>
    </message>
    <message>
        <source>Bytes of weights that a step of one position reads</source>
        <translation>只算一个位置的步所读取的权重字节数</translation>
    </message>
    <message>
        <source>Memory of weights</source>
        <translation>权重占用的内存</translation>
    </message>
    <message>
        <source>Bytes that all weights take in memory</source>
        <translation>全部权重在内存中的字节数</translation>
    </message>
    <message>
        <source>Perplexity</source>
        <translation>困惑度</translation>
    </message>
    <message>
        <source>How many tokens the model wavers between: exp of the mean of −log p</source>
        <translation>模型在多少个 token 之间犹豫：平均 −log p 的指数</translation>
    </message>
    <message>
        <source>KL {kl} a token · same top token {same} · perplexity {perplexity} · {n} tokens</source>
        <translation>每 token KL {kl} · 最可能的 token 相同 {same} · 困惑度 {perplexity} · {n} 个 token</translation>
    </message>
    <message>
        <source>layer {}</source>
        <translation>第 {} 层</translation>
    </message>
    <message>
        <source>Position</source>
        <translation>位置</translation>
    </message>
    <message>
        <source>The index of the predicted token in the text</source>
        <translation>被预测的 token 在文本中的序号</translation>
    </message>
    <message>
        <source>Token</source>
        <translation>token</translation>
    </message>
    <message>
        <source>The token that the text has there</source>
        <translation>文本在该处的 token</translation>
    </message>
    <message>
        <source>A&apos;s top</source>
        <translation>A 的首选</translation>
    </message>
    <message>
        <source>The token that A finds likeliest</source>
        <translation>A 认为最可能的 token</translation>
    </message>
    <message>
        <source>B&apos;s top</source>
        <translation>B 的首选</translation>
    </message>
    <message>
        <source>The token that B finds likeliest</source>
        <translation>B 认为最可能的 token</translation>
    </message>
    <message>
        <source>KL(A‖B) of the two distributions there</source>
        <translation>该处两个分布的 KL(A‖B)</translation>
    </message>
    <message>
        <source>Of the token that the text has, in nats</source>
        <translation>文本所含 token 的值，单位 nat</translation>
    </message>
    <message>
        <source>{position}: {token} after {n} tokens</source>
        <translation>{position}：{token}，在 {n} 个 token 之后</translation>
    </message>
    <message>
        <source>KL {kl} · −log p: A {a}, B {b}</source>
        <translation>KL {kl} · −log p：A {a}，B {b}</translation>
    </message>
    <message>
        <source>likeliest: {}</source>
        <translation>最可能：{}</translation>
    </message>
    <message>
        <source>likeliest: A {a}, B {b}</source>
        <translation>最可能：A {a}，B {b}</translation>
    </message>
</context>
<context>
    <name>ProbeSettings</name>
    <message>
        <source>Needs a CUDA device: Nsight Systems traces its kernels.</source>
        <translation>需要 CUDA 设备：由 Nsight Systems 跟踪其内核。</translation>
    </message>
    <message>
        <source>Observation</source>
        <translation>观测</translation>
    </message>
    <message>
        <source>The attention that is recorded, and that the Attention panel shows; counted from 0</source>
        <translation>记录并在“注意力”面板中显示的注意力；从 0 计数</translation>
    </message>
    <message>
        <source>Attention layer</source>
        <translation>注意力层</translation>
    </message>
    <message>
        <source>Attention head</source>
        <translation>注意力头</translation>
    </message>
    <message>
        <source>all heads</source>
        <translation>所有头</translation>
    </message>
    <message>
        <source>Nsight ranges</source>
        <translation>Nsight 区间</translation>
    </message>
    <message>
        <source>Name the phases of each step for Nsight Systems</source>
        <translation>为 Nsight Systems 标出每一步的各阶段</translation>
    </message>
</context>
<context>
    <name>PromptEdit</name>
    <message>
        <source>This text has {} characters, and the prompt takes {}: put it into a request list.</source>
        <translation>这段文本有 {} 个字符，而提示词最多接受 {} 个：请把它放进请求列表。</translation>
    </message>
</context>
<context>
    <name>QAbstractFileIconProvider</name>
    <message>
        <source>Folder</source>
        <translation>文件夹</translation>
    </message>
</context>
<context>
    <name>QFileDialog</name>
    <message>
        <source>&amp;Look in:</source>
        <translation>查找范围(&amp;L)：</translation>
    </message>
    <message>
        <source>Files of &amp;type:</source>
        <translation>文件类型(&amp;T)：</translation>
    </message>
</context>
<context>
    <name>QueryPanel</name>
    <message>
        <source>Query in SQL</source>
        <translation>SQL 查询</translation>
    </message>
    <message>
        <source>Ctrl+Return runs the query, or what is selected of it</source>
        <translation>Ctrl+Return 运行查询，或只运行其中选中的部分</translation>
    </message>
    <message>
        <source>Tables and columns of a session</source>
        <translation>会话的表和列</translation>
    </message>
    <message>
        <source>A click inserts the name into the query</source>
        <translation>单击即把名称插入查询</translation>
    </message>
    <message>
        <source>Run</source>
        <translation>运行</translation>
    </message>
    <message>
        <source>Run the query, or what is selected of it (Ctrl+Return in the editor)</source>
        <translation>运行查询，或只运行其中选中的部分（在编辑器中按 Ctrl+Return）</translation>
    </message>
    <message>
        <source>Cancel</source>
        <translation>取消</translation>
    </message>
    <message>
        <source>End the query at once (Esc)</source>
        <translation>立即结束查询（Esc）</translation>
    </message>
    <message>
        <source>Tables</source>
        <translation>表结构</translation>
    </message>
    <message>
        <source>Show the tables with their columns and units; a click inserts a name</source>
        <translation>显示各表及其列和单位；单击即插入名称</translation>
    </message>
    <message>
        <source>Examples</source>
        <translation>示例</translation>
    </message>
    <message>
        <source>The questions of FORMAT.md, the description of the file</source>
        <translation>FORMAT.md（文件格式说明）中的问题</translation>
    </message>
    <message>
        <source>History</source>
        <translation>历史</translation>
    </message>
    <message>
        <source>The queries that were run before</source>
        <translation>以前运行过的查询</translation>
    </message>
    <message>
        <source>The answer as</source>
        <translation>结果的显示方式</translation>
    </message>
    <message>
        <source>Table</source>
        <translation>表格</translation>
    </message>
    <message>
        <source>Plot</source>
        <translation>图表</translation>
    </message>
    <message>
        <source>Show the rows</source>
        <translation>显示各行</translation>
    </message>
    <message>
        <source>Draw columns of the answer</source>
        <translation>将结果的列绘成图表</translation>
    </message>
    <message>
        <source>Save as CSV…</source>
        <translation>保存为 CSV…</translation>
    </message>
    <message>
        <source>Write the rows of the answer into a file</source>
        <translation>把结果的各行写入文件</translation>
    </message>
    <message>
        <source>running for {time}…</source>
        <translation>已运行 {time}…</translation>
    </message>
    <message>
        <source>Open a recording or run a prompt: here its file is asked in SQL.</source>
        <translation>打开记录或运行提示词：在这里用 SQL 查询其文件。</translation>
    </message>
    <message>
        <source>This session is in memory only, and has no file that could be asked in SQL.</source>
        <translation>此会话只在内存中，没有可用 SQL 查询的文件。</translation>
    </message>
    <message>
        <source>The statement gives no rows.</source>
        <translation>该语句不返回任何行。</translation>
    </message>
    <message>
        <source>The answer appears here. Nothing can be changed by a query. :first and :last stand for the selected steps (or all), :step, :request and :token for what is selected.</source>
        <translation>结果会显示在这里。查询不会改变任何内容。:first 和 :last 代表所选的步（未选则为全部），:step、:request 和 :token 代表所选的对象。</translation>
    </message>
    <message>
        <source>No query was run yet</source>
        <translation>还没有运行过查询</translation>
    </message>
    <message>
        <source>Forget all {n}</source>
        <translation>清除全部 {n} 条</translation>
    </message>
    <message>
        <source>1 row</source>
        <translation>1 行</translation>
    </message>
    <message>
        <source>{n} rows</source>
        <translation>{n} 行</translation>
    </message>
    <message>
        <source>more were left off</source>
        <translation>其余已略去</translation>
    </message>
    <message>
        <source>its time was over before all were there</source>
        <translation>时限已到，未取全</translation>
    </message>
    <message>
        <source>token {n}</source>
        <translation>token {n}</translation>
    </message>
    <message>
        <source>step {n}</source>
        <translation>第 {n} 步</translation>
    </message>
    <message>
        <source>request {n}</source>
        <translation>请求 {n}</translation>
    </message>
    <message>
        <source>selected {what}</source>
        <translation>已选 {what}</translation>
    </message>
</context>
<context>
    <name>QueryPlot</name>
    <message>
        <source>The wheel zooms, dragging pans; another choice of columns shows everything</source>
        <translation>滚轮缩放，拖动平移；另选列会显示全部</translation>
    </message>
</context>
<context>
    <name>RangeQuestion</name>
    <message>
        <source>Steps {}–{} are selected. What is to be exported?</source>
        <translation>已选择第 {}–{} 步。要导出什么？</translation>
    </message>
    <message>
        <source>A range holds what these steps did and what happened while they ran: tokens, attention, readings, marks.</source>
        <translation>所选范围包含这些步所做的一切，以及其间发生的事：token、注意力、读数、标记。</translation>
    </message>
    <message>
        <source>Steps {}–{} only</source>
        <translation>仅第 {}–{} 步</translation>
    </message>
    <message>
        <source>Whole session</source>
        <translation>整个会话</translation>
    </message>
</context>
<context>
    <name>RecordedRun</name>
    <message>
        <source>A comparison of precisions has no prompt and no settings that a run could have.</source>
        <translation>精度对比没有运行可用的提示与设置。</translation>
    </message>
    <message>
        <source>A profiler&apos;s trace tells no settings that a run could have.</source>
        <translation>profiler trace 不提供可用于运行的设置。</translation>
    </message>
    <message>
        <source>A server made this recording: its settings are not those of DecodeScope&apos;s own engine.</source>
        <translation>此记录来自服务器：其设置不是 DecodeScope 自己引擎的设置。</translation>
    </message>
    <message>
        <source>This recording is of several runs, each with settings of its own.</source>
        <translation>此记录包含多次运行，各有各的设置。</translation>
    </message>
    <message>
        <source>The settings of this recording make no sense to this version: {}</source>
        <translation>此版本无法理解该记录的设置：{}</translation>
    </message>
    <message>
        <source>This recording has no request.</source>
        <translation>此记录中没有请求。</translation>
    </message>
</context>
<context>
    <name>RecordingRows</name>
    <message>
        <source>Name</source>
        <translation>名称</translation>
    </message>
    <message>
        <source>Model</source>
        <translation>模型</translation>
    </message>
    <message>
        <source>Tokens</source>
        <translation>Token</translation>
    </message>
    <message>
        <source>Steps</source>
        <translation>步数</translation>
    </message>
    <message>
        <source>Length</source>
        <translation>时长</translation>
    </message>
    <message>
        <source>Size</source>
        <translation>大小</translation>
    </message>
    <message>
        <source>Recorded</source>
        <translation>录制时间</translation>
    </message>
    <message>
        <source>File</source>
        <translation>文件</translation>
    </message>
    <message>
        <source>damaged</source>
        <translation>已损坏</translation>
    </message>
    <message>
        <source>{} bytes</source>
        <translation>{} 字节</translation>
    </message>
</context>
<context>
    <name>RecordingWords</name>
    <message>
        <source>today {}</source>
        <translation>今天 {}</translation>
    </message>
</context>
<context>
    <name>Recordings</name>
    <message>
        <source>Recordings cannot be kept in {folder}: {reason}.</source>
        <translation>无法把记录保存在 {folder}：{reason}。</translation>
    </message>
    <message>
        <source>it is no folder</source>
        <translation>它不是文件夹</translation>
    </message>
</context>
<context>
    <name>RecordingsBrowser</name>
    <message>
        <source>Rename {}</source>
        <translation>重命名 {}</translation>
    </message>
    <message>
        <source>A window shows {} of these recordings: they stay.</source>
        <translation>其中 {} 个记录正在窗口中显示：予以保留。</translation>
    </message>
    <message>
        <source>Delete {}</source>
        <translation>删除 {}</translation>
    </message>
    <message>
        <source>Delete {} recordings</source>
        <translation>删除 {} 个记录</translation>
    </message>
    <message>
        <source>Deleted: {n}. There is no trash; they stay in {folder} for a month.</source>
        <translation>已删除：{n} 个。没有回收站；它们会在 {folder} 中保留一个月。</translation>
    </message>
    <message>
        <source>Moved to the trash: {}.</source>
        <translation>已移到回收站：{} 个。</translation>
    </message>
</context>
<context>
    <name>RecordingsControl</name>
    <message>
        <source>Keep the newest {keep} recordings, and move {others} ({freed}) to the trash?</source>
        <translation>保留最新的 {keep} 个记录，并把另外 {others} 个（{freed}）移到回收站？</translation>
    </message>
    <message>
        <source>Older ones then go to the trash after each run. What you saved, named or marked in that folder and what a window shows stays.</source>
        <translation>此后每次运行结束时，更旧的记录会移到回收站。您在该文件夹中保存、命名或加过标记的文件以及窗口正在显示的文件会保留。</translation>
    </message>
    <message>
        <source>Move to the trash</source>
        <translation>移到回收站</translation>
    </message>
    <message>
        <source>Moved to the trash: {count} recordings ({size}) beyond the newest {keep}.</source>
        <translation>已移到回收站：最新 {keep} 个之外的 {count} 个记录（{size}）。</translation>
    </message>
    <message>
        <source>There is no trash for the {count} recordings beyond those to keep: they stay in {folder}.</source>
        <translation>没有回收站可放置应保留数量之外的 {count} 个记录：它们留在 {folder}。</translation>
    </message>
</context>
<context>
    <name>RecordingsDialog</name>
    <message>
        <source>{} recordings</source>
        <translation>{} 个记录</translation>
    </message>
    <message>
        <source>1 recording</source>
        <translation>1 个记录</translation>
    </message>
    <message>
        <source>{} match</source>
        <translation>{} 个匹配</translation>
    </message>
    <message>
        <source>reading {} more</source>
        <translation>还有 {} 个正在读取</translation>
    </message>
    <message>
        <source>Take back: {}</source>
        <translation>撤销：{}</translation>
    </message>
    <message>
        <source>There is nothing to take back</source>
        <translation>没有可撤销的操作</translation>
    </message>
    <message>
        <source>Recordings</source>
        <translation>记录</translation>
    </message>
    <message>
        <source>Search in names, notes, models, prompts and files</source>
        <translation>在名称、备注、模型、提示词和文件名中搜索</translation>
    </message>
    <message>
        <source>Search</source>
        <translation>搜索</translation>
    </message>
    <message>
        <source>&amp;Sort by</source>
        <translation>排序依据(&amp;S)</translation>
    </message>
    <message>
        <source>Sort by</source>
        <translation>排序依据</translation>
    </message>
    <message>
        <source>Direction</source>
        <translation>方向</translation>
    </message>
    <message>
        <source>The smallest first</source>
        <translation>从小到大</translation>
    </message>
    <message>
        <source>The largest first</source>
        <translation>从大到小</translation>
    </message>
    <message>
        <source>&amp;Keep</source>
        <translation>保留(&amp;K)</translation>
    </message>
    <message>
        <source>Recordings that are kept</source>
        <translation>保留的记录</translation>
    </message>
    <message>
        <source>Older ones go to the trash after each run, but none that was named, saved or is shown</source>
        <translation>每次运行结束时，更旧的记录会移到回收站；已命名、已保存或正在显示的除外</translation>
    </message>
    <message>
        <source>ask me</source>
        <translation>询问我</translation>
    </message>
    <message>
        <source>The newest {}</source>
        <translation>最新的 {} 个</translation>
    </message>
    <message>
        <source>All</source>
        <translation>全部</translation>
    </message>
    <message>
        <source>&amp;Open</source>
        <translation>打开(&amp;O)</translation>
    </message>
    <message>
        <source>Show this recording in the window (Return)</source>
        <translation>在窗口中显示此记录（Return）</translation>
    </message>
    <message>
        <source>&amp;Rename</source>
        <translation>重命名(&amp;R)</translation>
    </message>
    <message>
        <source>Give this recording another name; its file stays (F2)</source>
        <translation>为此记录另取名称；文件不变（F2）</translation>
    </message>
    <message>
        <source>&amp;Delete</source>
        <translation>删除(&amp;D)</translation>
    </message>
    <message>
        <source>Move the chosen recordings to the trash (Delete)</source>
        <translation>把选中的记录移到回收站（Delete）</translation>
    </message>
    <message>
        <source>Show &amp;folder</source>
        <translation>显示文件夹(&amp;F)</translation>
    </message>
    <message>
        <source>Show its folder in the file manager</source>
        <translation>在文件管理器中显示其所在文件夹</translation>
    </message>
    <message>
        <source>&amp;Undo</source>
        <translation>撤销(&amp;U)</translation>
    </message>
    <message>
        <source>Close</source>
        <translation>关闭</translation>
    </message>
    <message>
        <source>Close this list (Esc)</source>
        <translation>关闭此列表（Esc）</translation>
    </message>
</context>
<context>
    <name>RecordingsNote</name>
    <message>
        <source>Recordings</source>
        <translation>记录</translation>
    </message>
    <message>
        <source>Keep all</source>
        <translation>全部保留</translation>
    </message>
    <message>
        <source>Ask again when the program starts next</source>
        <translation>下次启动程序时再询问</translation>
    </message>
    <message>
        <source>Ask later</source>
        <translation>稍后询问</translation>
    </message>
    <message>
        <source>{there} recordings take {size}. Keep the newest {keep}, and move the other {others} ({freed}) to the trash?</source>
        <translation>{there} 个记录占用 {size}。只保留最新的 {keep} 个，并把另外 {others} 个（{freed}）移到回收站？</translation>
    </message>
    <message>
        <source>Older ones then go to the trash after each run. What you saved or named in that folder and what a window shows stays. The File menu changes this at any time.</source>
        <translation>此后每次运行结束时，更旧的记录会移到回收站。您在该文件夹中保存或命名的文件以及窗口正在显示的文件会保留。可随时在“文件”菜单中更改。</translation>
    </message>
    <message>
        <source>Keep the newest {}</source>
        <translation>保留最新的 {} 个</translation>
    </message>
</context>
<context>
    <name>RedundancyMap</name>
    <message>
        <source>Map of steps and positions by class</source>
        <translation>步与位置的分类图</translation>
    </message>
    <message>
        <source>step</source>
        <translation>步</translation>
    </message>
    <message>
        <source>position</source>
        <translation>位置</translation>
    </message>
</context>
<context>
    <name>RedundancyPanel</name>
    <message>
        <source>Positions computed so far, against theory</source>
        <translation>累计计算的位置数与理论对比</translation>
    </message>
    <message>
        <source>Floating-point operations so far</source>
        <translation>累计浮点运算次数</translation>
    </message>
    <message>
        <source>Every position that a step computes appears here: new ones once, repeated ones again and again.</source>
        <translation>每一步计算的位置都会显示在这里：新位置一次，重复的位置一再出现。</translation>
    </message>
    <message>
        <source>{computed} computed · {new} new · {recomputed} recomputed ({share}) {mark}</source>
        <translation>计算 {computed} · 新 {new} · 重复 {recomputed}（{share}）{mark}</translation>
    </message>
    <message>
        <source> · pooled: a cell is {steps} × {positions} (steps × positions)</source>
        <translation> · 已合并：每格 {steps} × {positions}（步 × 位置）</translation>
    </message>
    <message>
        <source>FLOPs and padding: {reason}</source>
        <translation>FLOPs 和填充：{reason}</translation>
    </message>
    <message>
        <source>FLOPs: {reason}</source>
        <translation>FLOPs：{reason}</translation>
    </message>
    <message>
        <source>new {}</source>
        <translation>新计算 {}</translation>
    </message>
    <message>
        <source>recomputed {}</source>
        <translation>重复计算 {}</translation>
    </message>
    <message>
        <source>reused {}</source>
        <translation>复用 {}</translation>
    </message>
    <message>
        <source>padding {}</source>
        <translation>填充 {}</translation>
    </message>
    <message>
        <source>rejected {}</source>
        <translation>被拒绝 {}</translation>
    </message>
    <message>
        <source>only request {}; figures of all</source>
        <translation>仅请求 {}；数字为全部请求</translation>
    </message>
    <message>
        <source>No step has computed request {} so far.</source>
        <translation>到目前为止，还没有哪一步计算过请求 {}。</translation>
    </message>
    <message>
        <source>positions computed so far · against theory</source>
        <translation>累计计算的位置数 · 与理论对比</translation>
    </message>
    <message>
        <source>positions computed in the range · against theory</source>
        <translation>所选范围内计算的位置数 · 与理论对比</translation>
    </message>
    <message>
        <source>step</source>
        <translation>步</translation>
    </message>
    <message>
        <source>no cache, T(T+1)/2</source>
        <translation>无缓存，T(T+1)/2</translation>
    </message>
    <message>
        <source>no cache, P + … + T</source>
        <translation>无缓存，P + … + T</translation>
    </message>
    <message>
        <source>computed: {} {}</source>
        <translation>实际计算：{} {}</translation>
    </message>
    <message>
        <source>computed {}</source>
        <translation>实际计算 {}</translation>
    </message>
    <message>
        <source>cache, T: {} {}</source>
        <translation>有缓存，T：{} {}</translation>
    </message>
    <message>
        <source>FLOPs so far</source>
        <translation>累计 FLOPs</translation>
    </message>
    <message>
        <source>FLOPs in the range</source>
        <translation>所选范围内的 FLOP</translation>
    </message>
    <message>
        <source>step {}, position {}</source>
        <translation>第 {} 步，位置 {}</translation>
    </message>
    <message>
        <source>padding: belongs to no request</source>
        <translation>填充：不属于任何请求</translation>
    </message>
    <message>
        <source>request {}: {}</source>
        <translation>请求 {}：{}</translation>
    </message>
    <message>
        <source>this step: {computed} computed, {new} new, {again} recomputed, {reused} reused {mark}</source>
        <translation>此步：计算 {computed}，新 {new}，重复 {again}，复用 {reused} {mark}</translation>
    </message>
    <message>
        <source>new: never computed before</source>
        <translation>新计算：以前从未计算过</translation>
    </message>
    <message>
        <source>recomputed: an earlier step computed it already</source>
        <translation>重复计算：先前的步已经计算过</translation>
    </message>
    <message>
        <source>rejected: proposed, computed, thrown away</source>
        <translation>被拒绝：提出、计算、然后丢弃</translation>
    </message>
    <message>
        <source>reused: its keys and values came from the cache</source>
        <translation>复用：其键和值取自缓存</translation>
    </message>
    <message>
        <source>after step {step}: {computed} positions computed {measured}, {flops} {derived}
no cache would need {without} {predicted}, a cache {with_} {predicted}</source>
        <translation>第 {step} 步之后：已计算 {computed} 个位置 {measured}，{flops} {derived}
无缓存需要 {without} {predicted}，有缓存需要 {with_} {predicted}</translation>
    </message>
    <message>
        <source>steps {first}–{step}: {computed} positions computed {measured}, {flops} {derived}
no cache would need {without} {predicted}, a cache {with_} {predicted}</source>
        <translation>第 {first}–{step} 步：计算了 {computed} 个位置 {measured}，{flops} {derived}
无缓存需要 {without} {predicted}，有缓存需要 {with_} {predicted}</translation>
    </message>
    <message>
        <source>after step {step}: {computed} positions computed {measured}
no cache would need {without} {predicted}, a cache {with_} {predicted}</source>
        <translation>第 {step} 步之后：已计算 {computed} 个位置 {measured}
无缓存需要 {without} {predicted}，有缓存需要 {with_} {predicted}</translation>
    </message>
    <message>
        <source>steps {first}–{step}: {computed} positions computed {measured}
no cache would need {without} {predicted}, a cache {with_} {predicted}</source>
        <translation>第 {first}–{step} 步：计算了 {computed} 个位置 {measured}
无缓存需要 {without} {predicted}，有缓存需要 {with_} {predicted}</translation>
    </message>
</context>
<context>
    <name>References</name>
    <message>
        <source>Reference: “{document}”, {section}.</source>
        <translation>参考：《{document}》，{section}。</translation>
    </message>
    <message>
        <source>section 2, problem 2: memory of the KV cache</source>
        <translation>第 2 节，问题 2：KV 缓存的内存开销</translation>
    </message>
    <message>
        <source>section 5: utilisation of a batch</source>
        <translation>第 5 节：批处理的利用率</translation>
    </message>
    <message>
        <source>section 6: parts of a token&apos;s latency</source>
        <translation>第 6 节：单个 token 延迟的组成</translation>
    </message>
    <message>
        <source>section 7: training against inference</source>
        <translation>第 7 节：训练与推理的对比</translation>
    </message>
    <message>
        <source>section 8: ways to improve</source>
        <translation>第 8 节：改进方法</translation>
    </message>
    <message>
        <source>section 8, item 1: KV cache, from O(T²) to O(T)</source>
        <translation>第 8 节第 1 项：KV 缓存，从 O(T²) 到 O(T)</translation>
    </message>
    <message>
        <source>section 8, item 2: PagedAttention, memory used 2–4 times as well</source>
        <translation>第 8 节第 2 项：PagedAttention，内存利用率提高 2–4 倍</translation>
    </message>
    <message>
        <source>section 8, item 3: speculative decoding, 2–3 times as fast</source>
        <translation>第 8 节第 3 项：推测解码，速度提高 2–3 倍</translation>
    </message>
    <message>
        <source>section 8, item 4: FlashAttention, 2–4 times as fast</source>
        <translation>第 8 节第 4 项：FlashAttention，速度提高 2–4 倍</translation>
    </message>
</context>
<context>
    <name>ReplayBar</name>
    <message>
        <source>as fast as drawn</source>
        <translation>绘制多快就多快</translation>
    </message>
    <message>
        <source>Speed of the replay</source>
        <translation>回放速度</translation>
    </message>
    <message>
        <source>1× is the speed at which it was recorded. “As fast as drawn” shows every step of a short recording, one a drawing, and takes about ten seconds for a long one.</source>
        <translation>1× 为录制时的速度。“绘制多快就多快”对短记录每次绘制显示一步，对长记录约需十秒。</translation>
    </message>
    <message>
        <source>Time of the replay</source>
        <translation>回放时间</translation>
    </message>
    <message>
        <source>Time passed, and of the whole recording</source>
        <translation>已过时间，以及整个记录的时间</translation>
    </message>
    <message>
        <source>Shorten waits</source>
        <translation>缩短等待</translation>
    </message>
    <message>
        <source>Waits of more than a second, as pauses and times without a request, then take one second.</source>
        <translation>超过一秒的等待（暂停，以及没有请求的时间）此时只占一秒。</translation>
    </message>
</context>
<context>
    <name>ReplayControl</name>
    <message>
        <source>preparing the replay</source>
        <translation>正在准备回放</translation>
    </message>
</context>
<context>
    <name>RequestList</name>
    <message>
        <source>The request list is being read.</source>
        <translation>正在读取请求列表。</translation>
    </message>
    <message>
        <source>The request list has {n} wrong lines; the first is line {line}: {fault}</source>
        <translation>请求列表有 {n} 行错误；首个在第 {line} 行：{fault}</translation>
    </message>
    <message>
        <source>Edit</source>
        <translation>编辑</translation>
    </message>
    <message>
        <source>Open the file in the program of this system for it; it is read again when saved</source>
        <translation>用系统关联的程序打开此文件；保存后会重新读取</translation>
    </message>
    <message>
        <source>Read again</source>
        <translation>重新读取</translation>
    </message>
    <message>
        <source>Read the file again, as it is now</source>
        <translation>按现在的内容重新读取文件</translation>
    </message>
    <message>
        <source>Reading…</source>
        <translation>读取中…</translation>
    </message>
    <message>
        <source>{} of them wrong</source>
        <translation>其中 {} 个有误</translation>
    </message>
    <message>
        <source>line {line}: {fault}</source>
        <translation>第 {line} 行：{fault}</translation>
    </message>
    <message>
        <source>and {} more</source>
        <translation>另有 {} 项</translation>
    </message>
    <message>
        <source>prompts of {} characters</source>
        <translation>提示词 {} 个字符</translation>
    </message>
    <message>
        <source>at most {} new tokens</source>
        <translation>最多 {} 个新 token</translation>
    </message>
    <message>
        <source>{} as set below</source>
        <translation>{} 个按下方设置</translation>
    </message>
    <message>
        <source>new tokens as set below</source>
        <translation>新 token 数按下方设置</translation>
    </message>
    <message>
        <source>arrive over {}</source>
        <translation>在 {} 内陆续到达</translation>
    </message>
    <message>
        <source>arrive at once</source>
        <translation>同时到达</translation>
    </message>
    <message>
        <source>sampling differs by line</source>
        <translation>各行采样不同</translation>
    </message>
    <message>
        <source>all with {}</source>
        <translation>均为 {}</translation>
    </message>
    <message>
        <source>sampling as set below</source>
        <translation>采样按下方设置</translation>
    </message>
</context>
<context>
    <name>Requests</name>
    <message>
        <source>waiting</source>
        <translation>等待中</translation>
    </message>
    <message>
        <source>running</source>
        <translation>运行中</translation>
    </message>
    <message>
        <source>Request</source>
        <translation>请求</translation>
    </message>
    <message>
        <source>Prompt</source>
        <translation>提示词</translation>
    </message>
    <message>
        <source>State</source>
        <translation>状态</translation>
    </message>
    <message>
        <source>Arrived</source>
        <translation>到达</translation>
    </message>
    <message>
        <source>Queue</source>
        <translation>排队</translation>
    </message>
    <message>
        <source>TTFT</source>
        <translation>TTFT</translation>
    </message>
    <message>
        <source>TPOT</source>
        <translation>TPOT</translation>
    </message>
    <message>
        <source>Latency</source>
        <translation>延迟</translation>
    </message>
    <message>
        <source>Prompt tokens</source>
        <translation>提示词 token</translation>
    </message>
    <message>
        <source>Generated</source>
        <translation>已生成</translation>
    </message>
    <message>
        <source>Cached</source>
        <translation>缓存命中</translation>
    </message>
    <message>
        <source>Preempted</source>
        <translation>被抢占</translation>
    </message>
    <message>
        <source>Accepted</source>
        <translation>接受率</translation>
    </message>
    <message>
        <source>Accepted length</source>
        <translation>接受长度</translation>
    </message>
    <message>
        <source>The number of the request.</source>
        <translation>请求的编号。</translation>
    </message>
    <message>
        <source>The first words of the prompt.</source>
        <translation>提示词开头的文字。</translation>
    </message>
    <message>
        <source>Whether it waits or runs, or why it ended.</source>
        <translation>等待中或运行中，或结束的原因。</translation>
    </message>
    <message>
        <source>When it arrived, from the beginning of the session, measured.</source>
        <translation>到达时刻，从会话开始算起，实测。</translation>
    </message>
    <message>
        <source>From its arrival to the first step that computed for it, measured.</source>
        <translation>从到达到首个为其计算的步，实测。</translation>
    </message>
    <message>
        <source>From its arrival to its first token, pauses left out, measured.</source>
        <translation>从到达到其首个 token，不计暂停，实测。</translation>
    </message>
    <message>
        <source>The time after its first token, divided by its other tokens, measured.</source>
        <translation>首个 token 之后的时间，除以其余 token 的个数，实测。</translation>
    </message>
    <message>
        <source>From its arrival to its last token so far, pauses left out, measured.</source>
        <translation>从到达到其目前最后一个 token，不计暂停，实测。</translation>
    </message>
    <message>
        <source>How many tokens its prompt has, counted.</source>
        <translation>提示词的 token 数，计数得出。</translation>
    </message>
    <message>
        <source>How many tokens were generated for it, counted.</source>
        <translation>为其生成的 token 数，计数得出。</translation>
    </message>
    <message>
        <source>Positions of its prompt that its first step found in a cache and did not compute, counted.</source>
        <translation>其首步在缓存中找到、因而未计算的提示词位置数，计数得出。</translation>
    </message>
    <message>
        <source>How often it lost its place in the batch and came back with less in the cache, counted.</source>
        <translation>失去批次中的位置、回来时缓存内容变少的次数，计数得出。</translation>
    </message>
    <message>
        <source>The share of its drafted tokens that were accepted, derived.</source>
        <translation>其草稿 token 中被接受的比例，推导值。</translation>
    </message>
    <message>
        <source>Tokens that a verified proposal of it gave on average: 1 + accepted / proposals, derived.</source>
        <translation>该请求的草稿每次验证平均给出的 token 数：1 + 被接受数 / 提出次数，推导值。</translation>
    </message>
    <message>
        <source>Cached positions, preemptions and acceptance: {}</source>
        <translation>缓存命中、抢占和接受率：{}</translation>
    </message>
    <message>
        <source>Queue, cached positions, preemptions and acceptance: {}</source>
        <translation>排队、缓存命中、抢占和接受率：{}</translation>
    </message>
    <message>
        <source>It ran before the recording began: its wait and its first token are not in it.</source>
        <translation>它在记录开始前就已运行：记录中没有它的等待时间和首个 token。</translation>
    </message>
</context>
<context>
    <name>RequestsPanel</name>
    <message>
        <source>Requests</source>
        <translation>请求</translation>
    </message>
    <message>
        <source>Click a request to select it everywhere, Enter selects its first token; click a head to sort.</source>
        <translation>单击请求即在各处选中它，按 Enter 选中其首个 token；单击列标题按该列排序。</translation>
    </message>
    <message>
        <source>Percentiles of these requests</source>
        <translation>这些请求的分位数</translation>
    </message>
    <message>
        <source>All</source>
        <translation>全部</translation>
    </message>
    <message>
        <source>Waiting</source>
        <translation>等待中</translation>
    </message>
    <message>
        <source>Running</source>
        <translation>运行中</translation>
    </message>
    <message>
        <source>Ended</source>
        <translation>已结束</translation>
    </message>
    <message>
        <source>Show every request</source>
        <translation>显示所有请求</translation>
    </message>
    <message>
        <source>Show those that no step has computed for</source>
        <translation>显示还没有任何一步为其计算过的请求</translation>
    </message>
    <message>
        <source>Show those that were begun and have not ended</source>
        <translation>显示已开始而尚未结束的请求</translation>
    </message>
    <message>
        <source>Show those that have ended, for whatever reason</source>
        <translation>显示已结束的请求，无论因何结束</translation>
    </message>
    <message>
        <source>{requests} · TTFT p50 {ttft} {mark} · latency p50 {latency} {mark} · p99 {most} {mark}</source>
        <translation>{requests} · TTFT p50 {ttft} {mark} · 延迟 p50 {latency} {mark} · p99 {most} {mark}</translation>
    </message>
    <message>
        <source>Run a prompt or a list of requests and each request appears here with its times.</source>
        <translation>运行一个提示词或一个请求列表，每个请求及其各项时间会显示在这里。</translation>
    </message>
    <message>
        <source>Half of these requests have no more.</source>
        <translation>这些请求中有一半不超过此值。</translation>
    </message>
    <message>
        <source>Nine of ten of these requests have no more.</source>
        <translation>这些请求中有十分之九不超过此值。</translation>
    </message>
    <message>
        <source>99 of 100 of these requests have no more.</source>
        <translation>这些请求中有百分之九十九不超过此值。</translation>
    </message>
    <message>
        <source>The most that any of these requests has.</source>
        <translation>这些请求中的最大值。</translation>
    </message>
    <message>
        <source>max</source>
        <translation>最大</translation>
    </message>
    <message>
        <source>{shown} of {all} requests</source>
        <translation>{all} 个请求中的 {shown} 个</translation>
    </message>
    <message>
        <source>{requests} with work in steps {first}–{last}</source>
        <translation>{requests}在第 {first}–{last} 步中有计算</translation>
    </message>
    <message>
        <source>{} waiting</source>
        <translation>{} 个等待中</translation>
    </message>
    <message>
        <source>{} running</source>
        <translation>{} 个运行中</translation>
    </message>
</context>
<context>
    <name>RooflinePanel</name>
    <message>
        <source>Steps whose phases are shown</source>
        <translation>显示其阶段的步</translation>
    </message>
    <message>
        <source>The phases of which kind of step are shown as squares.</source>
        <translation>以方块显示哪一类步的各个阶段。</translation>
    </message>
    <message>
        <source>&amp;Phases of</source>
        <translation>阶段属于(&amp;P)</translation>
    </message>
    <message>
        <source>Arithmetic intensity against arithmetic rate, both logarithmic</source>
        <translation>算术强度与计算速率，均为对数坐标</translation>
    </message>
    <message>
        <source>arithmetic intensity, FLOP/byte</source>
        <translation>算术强度，FLOP/byte</translation>
    </message>
    <message>
        <source>arithmetic rate</source>
        <translation>计算速率</translation>
    </message>
    <message>
        <source>Measure again</source>
        <translation>重新测量</translation>
    </message>
    <message>
        <source>Measure ceilings again</source>
        <translation>重新测量上限</translation>
    </message>
    <message>
        <source>Measure the ceilings of this device again, best while nothing else runs; the last run takes them.</source>
        <translation>重新测量本设备的上限，最好在没有其他程序运行时；最近一次运行会采用新值。</translation>
    </message>
    <message>
        <source>Points under the roof</source>
        <translation>屋顶线下的各点</translation>
    </message>
    <message>
        <source>ceilings: not measured</source>
        <translation>上限：未测量</translation>
    </message>
    <message>
        <source>{dtype}: {bandwidth} and {peak} {measured} · ridge {ridge} {derived}</source>
        <translation>{dtype}：{bandwidth} 和 {peak} {measured} · 脊点 {ridge} {derived}</translation>
    </message>
    <message>
        <source> · measured on a busy machine</source>
        <translation> · 在繁忙的机器上测得</translation>
    </message>
    <message>
        <source>Run a prompt and each kind of step appears here under the ceilings of this device.</source>
        <translation>运行提示词，各类步会出现在这里，位于本设备的上限之下。</translation>
    </message>
    <message>
        <source>Only DecodeScope&apos;s own engine counts the operations and bytes of a step, and measures the ceilings of its device.</source>
        <translation>只有 DecodeScope 自己的引擎会统计每一步的运算和字节，并测量其设备的上限。</translation>
    </message>
    <message>
        <source>compute, {dtype}: {rate} {mark}</source>
        <translation>计算，{dtype}：{rate} {mark}</translation>
    </message>
    <message>
        <source>memory: {rate} {mark}</source>
        <translation>内存：{rate} {mark}</translation>
    </message>
    <message>
        <source>data sheet: {rate} {mark}</source>
        <translation>数据手册：{rate} {mark}</translation>
    </message>
    <message>
        <source>{level}, up to {size}: {rate} {mark}</source>
        <translation>{level}，至 {size}：{rate} {mark}</translation>
    </message>
    <message>
        <source>memory-bound</source>
        <translation>受内存限制</translation>
    </message>
    <message>
        <source>Left of the ridge memory is the limit, or the cache that holds all a step walks; right of it arithmetic.</source>
        <translation>脊点左侧受内存（或容得下整步数据的缓存）限制，右侧受算力限制。</translation>
    </message>
    <message>
        <source>the ceilings were measured on a busy machine; measure again</source>
        <translation>上限是在繁忙的机器上测得的；请重新测量</translation>
    </message>
    <message>
        <source>what it reads stays in a faster cache, or the device was slower when it was measured</source>
        <translation>它读取的数据留在更快的缓存中，或者测量时设备较慢</translation>
    </message>
    <message>
        <source>{name} is over the roof, {factor}× of it ƒ: {why}</source>
        <translation>{name} 高于屋顶，为其 {factor} 倍 ƒ：{why}</translation>
    </message>
    <message>
        <source>compute-bound</source>
        <translation>受计算限制</translation>
    </message>
    <message>
        <source>memory-bound ({level})</source>
        <translation>受内存限制（{level}）</translation>
    </message>
    <message>
        <source>Point</source>
        <translation>点</translation>
    </message>
    <message>
        <source>A kind of step (circle), or a phase of the chosen kind (square).</source>
        <translation>一类步（圆），或所选类别的一个阶段（方块）。</translation>
    </message>
    <message>
        <source>FLOP/byte ƒ</source>
        <translation>FLOP/byte ƒ</translation>
    </message>
    <message>
        <source>Arithmetic intensity: counted operations over counted bytes, derived.</source>
        <translation>算术强度：计得的运算数除以计得的字节数，推导值。</translation>
    </message>
    <message>
        <source>To the roof ƒ</source>
        <translation>距屋顶 ƒ</translation>
    </message>
    <message>
        <source>How many times faster the roof would allow it, derived.</source>
        <translation>屋顶线允许它再快多少倍，推导值。</translation>
    </message>
    <message>
        <source>Limit</source>
        <translation>限制</translation>
    </message>
    <message>
        <source>Rate ƒ</source>
        <translation>速率 ƒ</translation>
    </message>
    <message>
        <source>Counted operations over the measured time, derived.</source>
        <translation>计得的运算数除以实测时间，推导值。</translation>
    </message>
    <message>
        <source>The most that the measured ceilings allow at this intensity.</source>
        <translation>在此强度下，实测上限所允许的最大值。</translation>
    </message>
    <message>
        <source>Roof ƒ</source>
        <translation>屋顶 ƒ</translation>
    </message>
    <message>
        <source>Time ●</source>
        <translation>时间 ●</translation>
    </message>
    <message>
        <source>Measured time of these steps or of this phase.</source>
        <translation>这些步或该阶段的实测时间。</translation>
    </message>
    <message>
        <source>This recording holds no measured ceilings: record it anew to measure them.</source>
        <translation>此记录不含实测上限：重新记录即可测量。</translation>
    </message>
    <message>
        <source>The ceilings were measured on a busy machine: measure again when it is quiet.</source>
        <translation>上限是在繁忙的机器上测得的：请在空闲时重新测量。</translation>
    </message>
    <message>
        <source>No data sheet is known here for this device.</source>
        <translation>此处没有该设备的数据手册。</translation>
    </message>
    <message>
        <source>Data sheet: {device}, without sparsity.</source>
        <translation>数据手册：{device}，不计稀疏。</translation>
    </message>
    <message>
        <source>No phase was timed; detail “phase” records them.</source>
        <translation>没有对阶段计时；采集粒度设为“phase”才会记录。</translation>
    </message>
    <message>
        <source>Only matrix products count as operations; every weight is read once a pass.</source>
        <translation>只有矩阵乘法计为运算；每次前向每个权重读取一次。</translation>
    </message>
    <message>
        <source>{name}: {intensity}, {rate}; without ceilings nothing says what limits it</source>
        <translation>{name}：{intensity}，{rate}；没有上限就无法说明受什么限制</translation>
    </message>
    <message>
        <source>{name} is memory-bound: {intensity}, under the ridge at {ridge}; {factor}× to the memory ceiling ƒ</source>
        <translation>{name} 受内存限制：{intensity}，低于脊点 {ridge}；距内存上限 {factor}× ƒ</translation>
    </message>
    <message>
        <source>{name} is memory-bound: {intensity}, under the ridge at {ridge}; {factor}× to the ceiling of {level}, which holds all a step reads ƒ</source>
        <translation>{name} 受内存限制：{intensity}，低于脊点 {ridge}；距 {level}（容得下一步读取的全部数据）的上限 {factor} 倍 ƒ</translation>
    </message>
    <message>
        <source>{name} is compute-bound: {intensity}, over the ridge at {ridge}; {factor}× to the compute ceiling ƒ</source>
        <translation>{name} 受计算限制：{intensity}，高于脊点 {ridge}；距计算上限 {factor}× ƒ</translation>
    </message>
    <message>
        <source>{flops} ƒ and {bytes} ƒ in {time} ●</source>
        <translation>{flops} ƒ 和 {bytes} ƒ，用时 {time} ●</translation>
    </message>
</context>
<context>
    <name>RoomNote</name>
    <message>
        <source>The demo model knows English only: choose another model for this prompt.</source>
        <translation>演示模型只懂英语：请为此提示词选择别的模型。</translation>
    </message>
    <message>
        <source>The prompt has {prompt} tokens: the context of {context} has no room for a new one.</source>
        <translation>提示词有 {prompt} 个 token：上下文长度 {context} 已容不下新的 token。</translation>
    </message>
    <message>
        <source>The context holds {context}: at most {most} after this prompt of {prompt}.</source>
        <translation>上下文长度为 {context}：此提示词占 {prompt}，之后最多 {most} 个。</translation>
    </message>
    <message>
        <source>The context holds {context} tokens, those of the prompt included.</source>
        <translation>上下文长度为 {context} 个 token，含提示词。</translation>
    </message>
</context>
<context>
    <name>RunControl</name>
    <message>
        <source>What it had recorded until then is kept.</source>
        <translation>此前的记录已保留。</translation>
    </message>
    <message>
        <source>The server is being attached to again.</source>
        <translation>正在重新连接服务器。</translation>
    </message>
    <message>
        <source>The engine is being started again.</source>
        <translation>正在重新启动引擎。</translation>
    </message>
    <message>
        <source>As this is the second time, it is not started again by itself: Run tries once more.</source>
        <translation>这是第二次，因此不再自动重新启动：按“运行”可再试一次。</translation>
    </message>
    <message>
        <source>This device reads {bandwidth} of memory and computes {peak} at most.</source>
        <translation>本设备最多每秒从内存读取 {bandwidth}，计算 {peak}。</translation>
    </message>
    <message>
        <source>The machine was busy: measure again when it is quiet.</source>
        <translation>测量时机器繁忙：请在空闲时重新测量。</translation>
    </message>
</context>
<context>
    <name>RunPanel</name>
    <message>
        <source>Request list</source>
        <translation>请求列表</translation>
    </message>
    <message>
        <source>Request lists (*.jsonl);;All files (*)</source>
        <translation>请求列表 (*.jsonl);;所有文件 (*)</translation>
    </message>
    <message>
        <source>Model</source>
        <translation>模型</translation>
    </message>
    <message>
        <source>Server</source>
        <translation>服务器</translation>
    </message>
    <message>
        <source>Prompt</source>
        <translation>提示词</translation>
    </message>
    <message>
        <source>New tokens</source>
        <translation>新 token 数</translation>
    </message>
    <message>
        <source>Switches</source>
        <translation>开关</translation>
    </message>
    <message>
        <source>Detail</source>
        <translation>采集粒度</translation>
    </message>
    <message>
        <source>Next run</source>
        <translation>下一次运行</translation>
    </message>
    <message>
        <source>What the recording was made with is in its panel Session.</source>
        <translation>此记录所用的设置见“会话”面板。</translation>
    </message>
    <message>
        <source>Take from the recording</source>
        <translation>采用记录的设置</translation>
    </message>
    <message>
        <source>Use the prompt or requests, sampling and switches of the shown recording for the next run</source>
        <translation>下一次运行采用所显示记录的提示词或请求、采样和开关</translation>
    </message>
    <message>
        <source>Empty: the model starts from its beginning-of-text token</source>
        <translation>留空：模型从文本起始 token 开始</translation>
    </message>
    <message>
        <source>Take the requests from a .jsonl file instead</source>
        <translation>改为从 .jsonl 文件读取请求</translation>
    </message>
    <message>
        <source>Choose a request list</source>
        <translation>选择请求列表</translation>
    </message>
    <message>
        <source>Back to the prompt</source>
        <translation>回到提示词</translation>
    </message>
    <message>
        <source>The most tokens that are generated for a request</source>
        <translation>每个请求最多生成的 token 数</translation>
    </message>
    <message>
        <source>Ignore EOS</source>
        <translation>忽略 EOS</translation>
    </message>
    <message>
        <source>Go on past the end-of-text token until all tokens are generated</source>
        <translation>越过文本结束 token，直到生成全部 token</translation>
    </message>
    <message>
        <source>Chat</source>
        <translation>对话</translation>
    </message>
    <message>
        <source>Record attention of the selected head</source>
        <translation>记录所选头的注意力</translation>
    </message>
    <message>
        <source>Keeps the attention rows of the layer and head picked in the Attention panel</source>
        <translation>保留“注意力”面板中所选层和头的注意力行</translation>
    </message>
    <message>
        <source>Attention is not recorded.</source>
        <translation>没有记录注意力。</translation>
    </message>
    <message>
        <source>Steps and tokens only, without phase times</source>
        <translation>只记录步和 token，不含阶段时间</translation>
    </message>
    <message>
        <source>The time of each step</source>
        <translation>每一步的时间</translation>
    </message>
    <message>
        <source>The time of each phase of each step</source>
        <translation>每一步中各阶段的时间</translation>
    </message>
    <message>
        <source>The time of each phase in each layer of each step</source>
        <translation>每一步中各层各阶段的时间</translation>
    </message>
    <message>
        <source>Send the prompt as what the user of a chat says; the server puts it into its template</source>
        <translation>把提示词当作对话中用户说的话发送；由服务器放入其模板</translation>
    </message>
    <message>
        <source>Put the prompt into the model&apos;s chat template, as what the user says</source>
        <translation>把提示词作为用户所说的话放进模型的对话模板</translation>
    </message>
    <message>
        <source>This model has no chat template</source>
        <translation>此模型没有对话模板</translation>
    </message>
</context>
<context>
    <name>RunSettings</name>
    <message>
        <source>A run goes on: stop it, or wait for its end, to change this.</source>
        <translation>正在运行：停止它或等它结束后才能更改。</translation>
    </message>
    <message>
        <source>More settings</source>
        <translation>更多设置</translation>
    </message>
    <message>
        <source>Device, precision, threads, draft model, sizes, stop texts and more</source>
        <translation>设备、精度、线程、草稿模型、大小、停止串等</translation>
    </message>
</context>
<context>
    <name>SamplingControls</name>
    <message>
        <source>Temperature</source>
        <translation>温度</translation>
    </message>
    <message>
        <source>0 is greedy: always the most likely token</source>
        <translation>0 为贪心：总取最可能的 token</translation>
    </message>
    <message>
        <source>Top-k</source>
        <translation>Top-k</translation>
    </message>
    <message>
        <source>Draw among the k most likely tokens; 0 is off</source>
        <translation>在最可能的 k 个 token 中抽取；0 为关闭</translation>
    </message>
    <message>
        <source>Top-p</source>
        <translation>Top-p</translation>
    </message>
    <message>
        <source>Draw among the fewest tokens with this much probability; 1 is off</source>
        <translation>在累计概率达到此值的最少 token 中抽取；1 为关闭</translation>
    </message>
    <message>
        <source>Min-p</source>
        <translation>Min-p</translation>
    </message>
    <message>
        <source>Drop what is less likely than this share of the likeliest; 0 is off</source>
        <translation>去掉概率低于最大概率此比例的 token；0 为关闭</translation>
    </message>
    <message>
        <source>Seed</source>
        <translation>种子</translation>
    </message>
    <message>
        <source>The same seed draws the same tokens</source>
        <translation>相同的种子抽取相同的 token</translation>
    </message>
    <message>
        <source>off</source>
        <translation>关</translation>
    </message>
    <message>
        <source>Sampling: greedy</source>
        <translation>采样：贪心</translation>
    </message>
    <message>
        <source>The model&apos;s makers suggest this, in generation_config.json or in the GGUF file</source>
        <translation>模型作者在 generation_config.json 或 GGUF 文件中的建议</translation>
    </message>
    <message>
        <source>Use the model&apos;s: {}</source>
        <translation>采用模型建议：{}</translation>
    </message>
    <message>
        <source>temperature {}</source>
        <translation>温度 {}</translation>
    </message>
    <message>
        <source>Sampling: {}</source>
        <translation>采样：{}</translation>
    </message>
    <message>
        <source>As the model&apos;s makers suggest</source>
        <translation>按模型作者的建议</translation>
    </message>
    <message>
        <source>Greedy instead</source>
        <translation>改为贪心</translation>
    </message>
    <message>
        <source>Always the most likely token, in every run until you choose otherwise</source>
        <translation>总取最可能的 token，在您另行选择前对每次运行有效</translation>
    </message>
    <message>
        <source>How the next token is drawn; takes effect with the next run</source>
        <translation>下一个 token 的抽取方式；下次运行时生效</translation>
    </message>
</context>
<context>
    <name>ScenarioControl</name>
    <message>
        <source>You said {said}; measured: {measured}.</source>
        <translation>你的预测：{said}；实测：{measured}。</translation>
    </message>
    <message>
        <source>You said {said}; measured most: {choice}, {measured}.</source>
        <translation>你的预测：{said}；实测最大：{choice}，{measured}。</translation>
    </message>
    <message>
        <source>At least {} is expected of this effect: it did not show in this run.</source>
        <translation>此效果预期至少为 {}：这次运行没有显现。</translation>
    </message>
</context>
<context>
    <name>ScenarioNote</name>
    <message>
        <source>What to look at</source>
        <translation>看什么</translation>
    </message>
    <message>
        <source>What to look at in this scenario</source>
        <translation>在此场景中看什么</translation>
    </message>
    <message>
        <source>Close these words; the scenario goes on</source>
        <translation>关闭这段文字；场景继续运行</translation>
    </message>
    <message>
        <source>Close what to look at</source>
        <translation>关闭说明</translation>
    </message>
</context>
<context>
    <name>ScenarioQuestion</name>
    <message>
        <source>Prediction</source>
        <translation>预测</translation>
    </message>
    <message>
        <source>Predict and run</source>
        <translation>预测并运行</translation>
    </message>
    <message>
        <source>Run, and show this prediction beside what is measured</source>
        <translation>运行，并把预测与实测值并列显示</translation>
    </message>
    <message>
        <source>Run without</source>
        <translation>直接运行</translation>
    </message>
    <message>
        <source>Run without a prediction</source>
        <translation>不作预测，直接运行</translation>
    </message>
</context>
<context>
    <name>ServerBox</name>
    <message>
        <source>Server</source>
        <translation>服务器</translation>
    </message>
    <message>
        <source>Address</source>
        <translation>地址</translation>
    </message>
    <message>
        <source>Attach again</source>
        <translation>重新连接</translation>
    </message>
    <message>
        <source>Connect anew to the same server: after it was started again, for example</source>
        <translation>重新连接同一台服务器，例如在它重启之后</translation>
    </message>
    <message>
        <source>Detach</source>
        <translation>断开</translation>
    </message>
    <message>
        <source>Go back to DecodeScope&apos;s own engine; the server goes on</source>
        <translation>回到 DecodeScope 自带的引擎；服务器继续运行</translation>
    </message>
    <message>
        <source>A run</source>
        <translation>运行时</translation>
    </message>
    <message>
        <source>Send prompts</source>
        <translation>发送提示词</translation>
    </message>
    <message>
        <source>Only watch</source>
        <translation>只观察</translation>
    </message>
    <message>
        <source>A run sends the prompt or the request list to the server</source>
        <translation>运行时把提示词或请求列表发送给服务器</translation>
    </message>
    <message>
        <source>A run records what others send to the server, until Stop</source>
        <translation>运行时记录别人发送给服务器的请求，直到按“停止”</translation>
    </message>
    <message>
        <source>probe</source>
        <translation>探测</translation>
    </message>
    <message>
        <source>metrics</source>
        <translation>指标</translation>
    </message>
    <message>
        <source>KV events</source>
        <translation>KV 事件</translation>
    </message>
    <message>
        <source>recorder</source>
        <translation>记录器</translation>
    </message>
    <message>
        <source>Levels at which the server is attached to</source>
        <translation>与服务器连接的层级</translation>
    </message>
    <message>
        <source>No page of metrics: the server&apos;s own counters are not told.</source>
        <translation>没有指标页：服务器自己的计数器未提供。</translation>
    </message>
    <message>
        <source>No recorder: steps, their members, blocks and preemptions are not told.</source>
        <translation>没有记录器：步、步的成员、块和抢占均未提供。</translation>
    </message>
    <message>
        <source>Watching records the server&apos;s counters only.</source>
        <translation>只观察时仅记录服务器的计数器。</translation>
    </message>
    <message>
        <source>There is nothing to watch here: send prompts instead.</source>
        <translation>这里没有可观察的内容：请改为发送提示词。</translation>
    </message>
</context>
<context>
    <name>ServerLanes</name>
    <message>
        <source>Requests running</source>
        <translation>运行中的请求</translation>
    </message>
    <message>
        <source>Requests waiting</source>
        <translation>等待中的请求</translation>
    </message>
    <message>
        <source>KV cache in use</source>
        <translation>使用中的 KV 缓存</translation>
    </message>
    <message>
        <source>Prefix cache hits, of the tokens looked up</source>
        <translation>前缀缓存命中（占所查 token 的比例）</translation>
    </message>
    <message>
        <source>Preemptions since the recording began</source>
        <translation>自记录开始以来的抢占次数</translation>
    </message>
    <message>
        <source>Tokens a second, for all clients of the server</source>
        <translation>每秒 token 数（服务器的全部客户端）</translation>
    </message>
    <message>
        <source>its counters did not grow between two readings</source>
        <translation>两次读数之间其计数器没有增长</translation>
    </message>
    <message>
        <source>{title}: no reading in the selected steps</source>
        <translation>{title}：所选步内没有读数</translation>
    </message>
    <message>
        <source>{title}  {now} {mark} · mean {mean} · max {most}</source>
        <translation>{title}  {now} {mark} · 平均 {mean} · 最大 {most}</translation>
    </message>
    <message>
        <source>{} running</source>
        <translation>{} 个运行中</translation>
    </message>
    <message>
        <source>{} waiting</source>
        <translation>{} 个等待中</translation>
    </message>
    <message>
        <source>KV cache {}</source>
        <translation>KV 缓存 {}</translation>
    </message>
    <message>
        <source>prefix hits {}</source>
        <translation>前缀命中 {}</translation>
    </message>
</context>
<context>
    <name>SessionInfo</name>
    <message>
        <source>Requests</source>
        <translation>请求</translation>
    </message>
    <message>
        <source>none</source>
        <translation>无</translation>
    </message>
    <message>
        <source>Prompt of request {}</source>
        <translation>请求 {} 的提示词</translation>
    </message>
    <message>
        <source>empty, or not recorded</source>
        <translation>为空，或未记录</translation>
    </message>
    <message>
        <source>Prompt</source>
        <translation>提示词</translation>
    </message>
    <message>
        <source>and more</source>
        <translation>其余</translation>
    </message>
    <message>
        <source>{} requests are not listed here</source>
        <translation>{} 个请求未在此列出</translation>
    </message>
    <message>
        <source>Prompts</source>
        <translation>提示词长度</translation>
    </message>
    <message>
        <source>New tokens</source>
        <translation>新 token 数</translation>
    </message>
    <message>
        <source>within {}</source>
        <translation>在 {} 内</translation>
    </message>
    <message>
        <source>all at once</source>
        <translation>全部同时</translation>
    </message>
    <message>
        <source>Arrive</source>
        <translation>到达</translation>
    </message>
    <message>
        <source>Sampling</source>
        <translation>采样</translation>
    </message>
    <message>
        <source>not recorded</source>
        <translation>未记录</translation>
    </message>
    <message>
        <source>Options</source>
        <translation>选项</translation>
    </message>
    <message>
        <source>at most {}</source>
        <translation>最多 {}</translation>
    </message>
    <message>
        <source>{least} to {most} · {n} different</source>
        <translation>{least} 至 {most} · 共 {n} 种</translation>
    </message>
    <message>
        <source>others ({})</source>
        <translation>其他 ({})</translation>
    </message>
    <message>
        <source>not given ({})</source>
        <translation>未给出 ({})</translation>
    </message>
    <message>
        <source>yes</source>
        <translation>是</translation>
    </message>
    <message>
        <source>no</source>
        <translation>否</translation>
    </message>
    <message>
        <source>Marks</source>
        <translation>标记</translation>
    </message>
    <message>
        <source>at {time} {mark}</source>
        <translation>时刻 {time} {mark}</translation>
    </message>
    <message>
        <source>step {}</source>
        <translation>第 {} 步</translation>
    </message>
    <message>
        <source>A click selects this step.</source>
        <translation>单击即选中此步。</translation>
    </message>
    <message>
        <source>{} further marks</source>
        <translation>另外 {} 个标记</translation>
    </message>
    <message>
        <source>Switches</source>
        <translation>开关</translation>
    </message>
    <message>
        <source>{} further changes</source>
        <translation>另外 {} 项更改</translation>
    </message>
    <message>
        <source>Recording</source>
        <translation>记录</translation>
    </message>
    <message>
        <source>File</source>
        <translation>文件</translation>
    </message>
    <message>
        <source>in memory only</source>
        <translation>只在内存中</translation>
    </message>
    <message>
        <source>Folder</source>
        <translation>文件夹</translation>
    </message>
    <message>
        <source>the file is not there any more</source>
        <translation>文件已不存在</translation>
    </message>
    <message>
        <source>Size</source>
        <translation>大小</translation>
    </message>
    <message>
        <source>Continues</source>
        <translation>接续</translation>
    </message>
    <message>
        <source>The part of the same watch that was recorded before this one.</source>
        <translation>同一次观察中在此之前记录的部分。</translation>
    </message>
    <message>
        <source>Recorded</source>
        <translation>录制时间</translation>
    </message>
    <message>
        <source>Length</source>
        <translation>时长</translation>
    </message>
    <message>
        <source>From the first event to the last.</source>
        <translation>从第一个事件到最后一个事件。</translation>
    </message>
    <message>
        <source>Holds</source>
        <translation>内容</translation>
    </message>
    <message>
        <source>Detail</source>
        <translation>采集粒度</translation>
    </message>
    <message>
        <source>Attention</source>
        <translation>注意力</translation>
    </message>
    <message>
        <source>Let go</source>
        <translation>丢弃</translation>
    </message>
    <message>
        <source>Command</source>
        <translation>命令</translation>
    </message>
    <message>
        <source>Server</source>
        <translation>服务器</translation>
    </message>
    <message>
        <source>Kind</source>
        <translation>类型</translation>
    </message>
    <message>
        <source>Address</source>
        <translation>地址</translation>
    </message>
    <message>
        <source>Attached by</source>
        <translation>连接层级</translation>
    </message>
    <message>
        <source>nothing</source>
        <translation>无</translation>
    </message>
    <message>
        <source>Clock of {}</source>
        <translation>{} 的时钟</translation>
    </message>
    <message>
        <source>Not told</source>
        <translation>未提供</translation>
    </message>
    <message>
        <source>steps</source>
        <translation>步</translation>
    </message>
    <message>
        <source>phases</source>
        <translation>阶段</translation>
    </message>
    <message>
        <source>time of the device</source>
        <translation>设备时间</translation>
    </message>
    <message>
        <source>attention</source>
        <translation>注意力</translation>
    </message>
    <message>
        <source>operations</source>
        <translation>运算数</translation>
    </message>
    <message>
        <source>bytes moved</source>
        <translation>搬运的字节数</translation>
    </message>
    <message>
        <source>KV cache</source>
        <translation>KV 缓存</translation>
    </message>
    <message>
        <source>KV cache of each layer</source>
        <translation>各层的 KV 缓存</translation>
    </message>
    <message>
        <source>batch slots</source>
        <translation>批次槽位</translation>
    </message>
    <message>
        <source>padding</source>
        <translation>填充</translation>
    </message>
    <message>
        <source>token ids</source>
        <translation>token 的 id</translation>
    </message>
    <message>
        <source>logprobs</source>
        <translation>对数概率</translation>
    </message>
    <message>
        <source>entropy</source>
        <translation>熵</translation>
    </message>
    <message>
        <source>switches</source>
        <translation>开关</translation>
    </message>
    <message>
        <source>requests of others</source>
        <translation>别人的请求</translation>
    </message>
    <message>
        <source>Model</source>
        <translation>模型</translation>
    </message>
    <message>
        <source>Name</source>
        <translation>名称</translation>
    </message>
    <message>
        <source>Path</source>
        <translation>路径</translation>
    </message>
    <message>
        <source>Architecture</source>
        <translation>架构</translation>
    </message>
    <message>
        <source>Shape</source>
        <translation>规格</translation>
    </message>
    <message>
        <source>Weights</source>
        <translation>权重</translation>
    </message>
    <message>
        <source>computed in {dtype}, weights in {weights}</source>
        <translation>以 {dtype} 计算，权重 {weights}</translation>
    </message>
    <message>
        <source>Precision</source>
        <translation>精度</translation>
    </message>
    <message>
        <source>computed in {}</source>
        <translation>以 {} 计算</translation>
    </message>
    <message>
        <source>Draft model</source>
        <translation>草稿模型</translation>
    </message>
    <message>
        <source>Its architecture</source>
        <translation>架构（草稿）</translation>
    </message>
    <message>
        <source>Its shape</source>
        <translation>规格（草稿）</translation>
    </message>
    <message>
        <source>Its weights</source>
        <translation>权重（草稿）</translation>
    </message>
    <message>
        <source>none was loaded</source>
        <translation>未加载</translation>
    </message>
    <message>
        <source>layers {}</source>
        <translation>层数 {}</translation>
    </message>
    <message>
        <source>hidden {}</source>
        <translation>隐藏维度 {}</translation>
    </message>
    <message>
        <source>heads {}</source>
        <translation>头数 {}</translation>
    </message>
    <message>
        <source>KV heads {}</source>
        <translation>KV 头数 {}</translation>
    </message>
    <message>
        <source>head width {}</source>
        <translation>头维度 {}</translation>
    </message>
    <message>
        <source>FFN {}</source>
        <translation>FFN {}</translation>
    </message>
    <message>
        <source>vocabulary {}</source>
        <translation>词表 {}</translation>
    </message>
    <message>
        <source>context {}</source>
        <translation>上下文 {}</translation>
    </message>
    <message>
        <source>window {}</source>
        <translation>窗口 {}</translation>
    </message>
    <message>
        <source>{} parameters</source>
        <translation>{} 参数</translation>
    </message>
    <message>
        <source>Machine</source>
        <translation>机器</translation>
    </message>
    <message>
        <source>Device</source>
        <translation>设备</translation>
    </message>
    <message>
        <source>Memory</source>
        <translation>内存</translation>
    </message>
    <message>
        <source>Threads</source>
        <translation>线程</translation>
    </message>
    <message>
        <source>{n} of {cores}</source>
        <translation>{n}（共 {cores} 核）</translation>
    </message>
    <message>
        <source>Versions</source>
        <translation>版本</translation>
    </message>
    <message>
        <source>Ceilings</source>
        <translation>上限</translation>
    </message>
    <message>
        <source>not measured</source>
        <translation>未测量</translation>
    </message>
    <message>
        <source>Arithmetic</source>
        <translation>算力</translation>
    </message>
    <message>
        <source>{rate} {mark} up to {size}</source>
        <translation>{rate} {mark}，至 {size}</translation>
    </message>
    <message>
        <source>Measured</source>
        <translation>测量时间</translation>
    </message>
    <message>
        <source>Conditions</source>
        <translation>测量条件</translation>
    </message>
    <message>
        <source>other programs {} cores</source>
        <translation>其他程序占用 {} 核</translation>
    </message>
    <message>
        <source>taken by the hypervisor {} cores</source>
        <translation>被 hypervisor 占去 {} 核</translation>
    </message>
    <message>
        <source>threads waiting {}</source>
        <translation>等待中的线程 {}</translation>
    </message>
    <message>
        <source>spread {} %</source>
        <translation>波动 {} %</translation>
    </message>
    <message>
        <source>{} processors</source>
        <translation>{} 个处理器</translation>
    </message>
    <message>
        <source>busy machine</source>
        <translation>机器繁忙</translation>
    </message>
    <message>
        <source>quiet machine</source>
        <translation>机器空闲</translation>
    </message>
    <message>
        <source>off: steps and tokens only, without phase times</source>
        <translation>off：只记录步和 token，不含阶段时间</translation>
    </message>
    <message>
        <source>step: the time of each step</source>
        <translation>step：每一步的时间</translation>
    </message>
    <message>
        <source>phase: the time of each phase of each step</source>
        <translation>phase：每一步中各阶段的时间</translation>
    </message>
    <message>
        <source>layer: the time of each phase in each layer of each step</source>
        <translation>layer：每一步中各层各阶段的时间</translation>
    </message>
    <message>
        <source>layer {}, every head</source>
        <translation>第 {} 层所有头</translation>
    </message>
    <message>
        <source>layer {layer}, head {head}</source>
        <translation>第 {layer} 层头 {head}</translation>
    </message>
    <message>
        <source>{rows} rows of attention, {layers} rows of layers</source>
        <translation>{rows} 个注意力行，{layers} 个层行</translation>
    </message>
    <message>
        <source>{} bytes</source>
        <translation>{} 字节</translation>
    </message>
    <message>
        <source>from step {}</source>
        <translation>自第 {} 步起</translation>
    </message>
    <message>
        <source>as before</source>
        <translation>与之前相同</translation>
    </message>
</context>
<context>
    <name>SessionPanel</name>
    <message>
        <source>Facts of this recording</source>
        <translation>此记录的信息</translation>
    </message>
    <message>
        <source>Run a prompt or open a recording, and what it is appears here: its model, machine and switches.</source>
        <translation>运行提示词或打开记录，其信息会显示在这里：模型、机器和开关。</translation>
    </message>
    <message>
        <source>in memory only</source>
        <translation>只在内存中</translation>
    </message>
    <message>
        <source>Fact</source>
        <translation>项目</translation>
    </message>
    <message>
        <source>Value</source>
        <translation>值</translation>
    </message>
    <message>
        <source>Recording</source>
        <translation>记录</translation>
    </message>
    <message>
        <source>Name the recording</source>
        <translation>命名记录</translation>
    </message>
    <message>
        <source>Change the notes</source>
        <translation>更改备注</translation>
    </message>
</context>
<context>
    <name>SessionWords</name>
    <message>
        <source>What this recording shows, for whoever opens it next</source>
        <translation>这个记录展示了什么，写给下一个打开它的人</translation>
    </message>
    <message>
        <source>&amp;Name</source>
        <translation>名称(&amp;N)</translation>
    </message>
    <message>
        <source>No&amp;tes</source>
        <translation>备注(&amp;T)</translation>
    </message>
    <message>
        <source>Name of this recording</source>
        <translation>此记录的名称</translation>
    </message>
    <message>
        <source>Notes on this recording</source>
        <translation>此记录的备注</translation>
    </message>
    <message>
        <source>What this recording is called wherever it is listed; its file keeps its own name</source>
        <translation>此记录在各处列表中显示的名称；文件名不变</translation>
    </message>
    <message>
        <source>Kept in the recording itself; Undo takes a change back</source>
        <translation>保存在记录本身之中；“撤销”可撤回更改</translation>
    </message>
    <message>
        <source>These notes have {n} characters; a recording keeps {most} at most: shorten them.</source>
        <translation>这些备注有 {n} 个字符，而一个记录最多保存 {most} 个：请缩短。</translation>
    </message>
</context>
<context>
    <name>ShortcutSheet</name>
    <message>
        <source>Keys</source>
        <translation>快捷键</translation>
    </message>
    <message>
        <source>On a keyboard with another layout W A S D and 1 to 9 work by their place, and W A S D by their letter too. F, L, M and N work by their letter; where the layout has no Latin letters, by their place.</source>
        <translation>在其他键盘布局上，W A S D 和 1–9 按键位生效，W A S D 也按字母生效。F、L、M、N 按字母生效；布局中没有拉丁字母时按键位生效。</translation>
    </message>
</context>
<context>
    <name>ShownSession</name>
    <message>
        <source>opening {}</source>
        <translation>正在打开 {}</translation>
    </message>
    <message>
        <source>importing {}, {}</source>
        <translation>正在导入 {}，{}</translation>
    </message>
    <message>
        <source>{} is open in this window: save under another name.</source>
        <translation>{} 已在此窗口中打开：请换一个名称保存。</translation>
    </message>
    <message>
        <source>saving {}</source>
        <translation>正在保存 {}</translation>
    </message>
</context>
<context>
    <name>SideBySide</name>
    <message>
        <source>not told by this server</source>
        <translation>此服务器未提供</translation>
    </message>
    <message>
        <source>not told by this trace</source>
        <translation>此 trace 未提供</translation>
    </message>
    <message>
        <source>No request of A has the prompt of one of B{alone}.</source>
        <translation>A 与 B 没有提示词相同的请求{alone}。</translation>
    </message>
    <message>
        <source>The generated tokens are the same.</source>
        <translation>生成的 token 相同。</translation>
    </message>
    <message>
        <source>The generated texts are the same; the ids of their tokens are not told by this server.</source>
        <translation>生成的文本相同；此服务器未提供 token 的 id。</translation>
    </message>
    <message>
        <source>{same} of {pairs} requests with the same prompt generated the same tokens{alone}.</source>
        <translation>提示词相同的 {pairs} 个请求中，{same} 个生成了相同的 token{alone}。</translation>
    </message>
    <message>
        <source>{same} of {pairs} requests with the same prompt generated the same texts; the ids of their tokens are not told by this server{alone}.</source>
        <translation>提示词相同的 {pairs} 个请求中，{same} 个生成了相同的文本；此服务器未提供 token 的 id{alone}。</translation>
    </message>
    <message>
        <source>{n} only in {side}</source>
        <translation>{n} 个仅在 {side} 中</translation>
    </message>
    <message>
        <source> ({})</source>
        <translation>（{}）</translation>
    </message>
    <message>
        <source>the end</source>
        <translation>结束</translation>
    </message>
    <message>
        <source>DecodeScope&apos;s own engine</source>
        <translation>DecodeScope 自己的引擎</translation>
    </message>
    <message>
        <source>nowhere</source>
        <translation>无</translation>
    </message>
    <message>
        <source>{token} at {logprob} nats</source>
        <translation>{token}，{logprob} nats</translation>
    </message>
    <message>
        <source>{a} against {b}</source>
        <translation>{a} 对 {b}</translation>
    </message>
</context>
<context>
    <name>SlotChart</name>
    <message>
        <source>useful {n} ({share})</source>
        <translation>有用 {n}（{share}）</translation>
    </message>
    <message>
        <source>padding {n} ({share})</source>
        <translation>填充 {n}（{share}）</translation>
    </message>
    <message>
        <source>idle {n} ({share})</source>
        <translation>空闲 {n}（{share}）</translation>
    </message>
    <message>
        <source>no request {n} ({share})</source>
        <translation>无请求 {n}（{share}）</translation>
    </message>
    <message>
        <source>padding not told by this server</source>
        <translation>此服务器未提供填充</translation>
    </message>
    <message>
        <source>{n} slot-steps computed, {share} wasted {mark}</source>
        <translation>计算了 {n} 个槽步，浪费 {share} {mark}</translation>
    </message>
    <message>
        <source>preempted {}×</source>
        <translation>被抢占 {} 次</translation>
    </message>
    <message>
        <source>nobody waited</source>
        <translation>无排队</translation>
    </message>
    <message>
        <source>request {}</source>
        <translation>请求 {}</translation>
    </message>
    <message>
        <source>queue
≤ {}</source>
        <translation>队列
≤ {}</translation>
    </message>
    <message>
        <source>slot {}</source>
        <translation>槽位 {}</translation>
    </message>
    <message>
        <source>lane {}</source>
        <translation>泳道 {}</translation>
    </message>
    <message>
        <source>step</source>
        <translation>步</translation>
    </message>
</context>
<context>
    <name>SqlEdit</name>
    <message>
        <source>This text is too long: a query has at most {} characters.</source>
        <translation>这段文本太长：一个查询最多 {} 个字符。</translation>
    </message>
</context>
<context>
    <name>StackChart</name>
    <message>
        <source>step</source>
        <translation>步</translation>
    </message>
    <message>
        <source>Time of each step, by part</source>
        <translation>每一步的时间（按部分）</translation>
    </message>
    <message>
        <source>Time by part</source>
        <translation>按部分的时间</translation>
    </message>
    <message>
        <source>a bar is the slowest of {n} steps</source>
        <translation>每条取 {n} 步中最慢的一步</translation>
    </message>
    <message>
        <source>Time by part, logarithmic</source>
        <translation>按部分的时间（对数）</translation>
    </message>
    <message>
        <source>each part has its share of its bar</source>
        <translation>各部分按占比显示</translation>
    </message>
    <message>
        <source>▲ {n} cut, up to {time}</source>
        <translation>▲ 截去 {n} 个，最高 {time}</translation>
    </message>
    <message>
        <source>▲ {n} cut</source>
        <translation>▲ 截去 {n} 个</translation>
    </message>
</context>
<context>
    <name>StartPage</name>
    <message>
        <source>Run the demo</source>
        <translation>运行演示</translation>
    </message>
    <message>
        <source>It begins as soon as the model is loaded.</source>
        <translation>模型加载完成后立即开始。</translation>
    </message>
    <message>
        <source>The bundled model goes on from the prompt at the left.</source>
        <translation>内置模型接着左侧的提示词往下写。</translation>
    </message>
    <message>
        <source>Open a model…</source>
        <translation>打开模型…</translation>
    </message>
    <message>
        <source>A folder with a config and weights in safetensors.</source>
        <translation>含有配置和 safetensors 权重的文件夹。</translation>
    </message>
    <message>
        <source>Open a recording…</source>
        <translation>打开记录…</translation>
    </message>
    <message>
        <source>It is shown in the same panels as a live run.</source>
        <translation>在与实时运行相同的面板中显示。</translation>
    </message>
    <message>
        <source>Attach to a server…</source>
        <translation>连接到服务器…</translation>
    </message>
    <message>
        <source>Watch what vLLM, or another server with its API, does.</source>
        <translation>观察 vLLM 或其他兼容其接口的服务器。</translation>
    </message>
    <message>
        <source>Start page</source>
        <translation>起始页</translation>
    </message>
    <message>
        <source>Watch a language model write, token by token, and see what each token costs on this machine.</source>
        <translation>看语言模型逐个 token 地写作，看每个 token 在本机上的代价。</translation>
    </message>
    <message>
        <source>Start</source>
        <translation>开始</translation>
    </message>
    <message>
        <source>Recent recordings</source>
        <translation>最近的记录</translation>
    </message>
    <message>
        <source>Scenarios: each sets up a run, and says what to look at</source>
        <translation>场景：自动设置并运行，告诉你看什么</translation>
    </message>
    <message>
        <source>Every run is recorded, and is found here afterwards.</source>
        <translation>每次运行都会被记录，之后可在这里找到。</translation>
    </message>
    <message>
        <source>Back to the session</source>
        <translation>回到会话</translation>
    </message>
    <message>
        <source>Show the panels again (Esc)</source>
        <translation>重新显示面板（Esc）</translation>
    </message>
</context>
<context>
    <name>StatusBar</name>
    <message>
        <source>engine not started</source>
        <translation>引擎未启动</translation>
    </message>
    <message>
        <source>loading the model</source>
        <translation>正在加载模型</translation>
    </message>
    <message>
        <source>ready</source>
        <translation>就绪</translation>
    </message>
    <message>
        <source>running</source>
        <translation>运行中</translation>
    </message>
    <message>
        <source>paused</source>
        <translation>已暂停</translation>
    </message>
    <message>
        <source>engine stopped</source>
        <translation>引擎已停止</translation>
    </message>
    <message>
        <source>recorded session</source>
        <translation>已录制的会话</translation>
    </message>
    <message>
        <source>attaching to the server</source>
        <translation>正在连接服务器</translation>
    </message>
    <message>
        <source>attached</source>
        <translation>已连接</translation>
    </message>
    <message>
        <source>recording the server</source>
        <translation>正在记录服务器</translation>
    </message>
    <message>
        <source>not attached</source>
        <translation>未连接</translation>
    </message>
    <message>
        <source>recorded session · {}</source>
        <translation>已录制的会话 · {}</translation>
    </message>
    <message>
        <source>{} (not saved elsewhere)</source>
        <translation>{}（未另存）</translation>
    </message>
    <message>
        <source>in memory only</source>
        <translation>仅在内存中</translation>
    </message>
    <message>
        <source>recording {size}</source>
        <translation>记录 {size}</translation>
    </message>
    <message>
        <source>{} without the rests of its pace</source>
        <translation>{}，不计放慢的等待</translation>
    </message>
    <message>
        <source>device not told by this server</source>
        <translation>此服务器未提供设备</translation>
    </message>
    <message>
        <source>{} threads</source>
        <translation>{} 个线程</translation>
    </message>
    <message>
        <source>1 thread</source>
        <translation>1 个线程</translation>
    </message>
    <message>
        <source>{} rows dropped</source>
        <translation>丢弃 {} 行</translation>
    </message>
    <message>
        <source>nothing dropped</source>
        <translation>无丢弃</translation>
    </message>
    <message>
        <source>profiler {}</source>
        <translation>分析开销 {}</translation>
    </message>
    <message>
        <source>State of the engine</source>
        <translation>引擎状态</translation>
    </message>
    <message>
        <source>What the engine does now</source>
        <translation>引擎正在做什么</translation>
    </message>
    <message>
        <source>Tokens a second</source>
        <translation>每秒 token 数</translation>
    </message>
    <message>
        <source>● measured: generated tokens from the first arrival to the last one emitted, pauses left out</source>
        <translation>● 实测：从首个请求到达至最后一个 token 发出之间生成的 token，不计暂停</translation>
    </message>
    <message>
        <source>Size of the recording</source>
        <translation>记录的大小</translation>
    </message>
    <message>
        <source>● measured: how large the file of this run is on the disk, and how fast it grew in the last seconds. Where it can be written no more, the run goes on in memory only.</source>
        <translation>● 实测：此运行的文件在磁盘上有多大，以及最近几秒的增长速度。无法继续写入时，运行仅在内存中继续。</translation>
    </message>
    <message>
        <source>Device</source>
        <translation>设备</translation>
    </message>
    <message>
        <source>Where the model runs, in what precision</source>
        <translation>模型在哪里、以何种精度运行</translation>
    </message>
    <message>
        <source>Dropped detail</source>
        <translation>丢弃的细节</translation>
    </message>
    <message>
        <source>● measured: attention and layer rows the event queue had no room for; never steps or tokens</source>
        <translation>● 实测：事件队列容不下的注意力行和层行；步与 token 从不丢弃</translation>
    </message>
    <message>
        <source>Cost of the profiler</source>
        <translation>分析器的开销</translation>
    </message>
    <message>
        <source>Give up</source>
        <translation>放弃</translation>
    </message>
    <message>
        <source>Stop opening this file; what is shown stays</source>
        <translation>停止打开此文件；当前显示的内容保留</translation>
    </message>
    <message>
        <source>ƒ derived: what this run loses against one at detail “off”; a timed span counts as it was measured among the steps</source>
        <translation>ƒ 推导：本次运行相对于采集粒度“off”的运行所损失的部分；每个计时段按在各步之中实测的开销计算</translation>
    </message>
    <message>
        <source>the record of each step, kept at any detail, takes {} beside it</source>
        <translation>此外，每一步的记录（任何采集粒度都保留）占 {}</translation>
    </message>
    <message>
        <source>Recording</source>
        <translation>记录</translation>
    </message>
    <message>
        <source>Busy</source>
        <translation>忙碌</translation>
    </message>
</context>
<context>
    <name>StepStrip</name>
    <message>
        <source>Step strip</source>
        <translation>单步时间条</translation>
    </message>
    <message>
        <source>One bar a step, its height the latency. Drag selects a range, a click one step, Esc clears.</source>
        <translation>每步一条，高度为延迟。拖动选择范围，单击选择一步，Esc 清除。</translation>
    </message>
    <message>
        <source>Each step of a run becomes a bar here: its height the latency, its colour the kind of step.</source>
        <translation>运行的每一步在这里成为一条：高度是延迟，颜色是步的种类。</translation>
    </message>
    <message>
        <source>step {}</source>
        <translation>第 {} 步</translation>
    </message>
    <message>
        <source>selected {}–{}: {}</source>
        <translation>已选 {}–{}：{}</translation>
    </message>
    <message>
        <source>prefill and decode</source>
        <translation>预填充与解码</translation>
    </message>
    <message>
        <source>its kind is not told</source>
        <translation>种类未提供</translation>
    </message>
    <message>
        <source>▲ {n} cut, up to {time}</source>
        <translation>▲ 截去 {n} 个，最高 {time}</translation>
    </message>
    <message>
        <source>logarithmic</source>
        <translation>对数</translation>
    </message>
    <message>
        <source>This server tells no steps</source>
        <translation>此服务器不提供步</translation>
    </message>
    <message>
        <source>This trace names no steps</source>
        <translation>此 trace 没有标出步</translation>
    </message>
    <message>
        <source>{tokens} tokens from {first} to {last}</source>
        <translation>{tokens} 个 token，从 {first} 到 {last}</translation>
    </message>
    <message>
        <source>Step {}: {}
{} (measured)
{} positions computed</source>
        <translation>第 {} 步：{}
{}（实测）
计算了 {} 个位置</translation>
    </message>
    <message>
        <source>Step {}: {}
{} (measured)</source>
        <translation>第 {} 步：{}
{}（实测）</translation>
    </message>
    <message>
        <source>{} before it</source>
        <translation>在其之前{}</translation>
    </message>
    <message>
        <source>paused</source>
        <translation>已暂停</translation>
    </message>
    <message>
        <source>paused {}</source>
        <translation>暂停 {}</translation>
    </message>
</context>
<context>
    <name>Steps</name>
    <message>
        <source>prefill</source>
        <translation>预填充</translation>
    </message>
    <message>
        <source>decode</source>
        <translation>解码</translation>
    </message>
    <message>
        <source>mixed</source>
        <translation>混合</translation>
    </message>
    <message>
        <source>verify</source>
        <translation>验证</translation>
    </message>
    <message>
        <source>teacher-forced</source>
        <translation>教师强制</translation>
    </message>
    <message>
        <source>prepare</source>
        <translation>准备</translation>
    </message>
    <message>
        <source>attention</source>
        <translation>注意力</translation>
    </message>
    <message>
        <source>ffn</source>
        <translation>FFN</translation>
    </message>
    <message>
        <source>norm</source>
        <translation>归一化</translation>
    </message>
    <message>
        <source>sampling</source>
        <translation>采样</translation>
    </message>
    <message>
        <source>draft</source>
        <translation>草稿</translation>
    </message>
    <message>
        <source>other</source>
        <translation>其他</translation>
    </message>
</context>
<context>
    <name>StreamLatencies</name>
    <message>
        <source>Times of requests and tokens</source>
        <translation>请求与 token 的时间</translation>
    </message>
    <message>
        <source>How long requests and tokens took, as our client received them.</source>
        <translation>请求与 token 的耗时，以本客户端收到为准。</translation>
    </message>
    <message>
        <source>Drag over times to pick gaps; N goes to the token after the next of them, or after an outlier.</source>
        <translation>在时间上拖动以选取间隔；N 转到下一个所选间隔（或离群间隔）之后的 token。</translation>
    </message>
    <message>
        <source>Previous gap of the selection, or outlier (Shift+N)</source>
        <translation>上一个所选间隔或离群间隔（Shift+N）</translation>
    </message>
    <message>
        <source>Next gap of the selection, or outlier (N)</source>
        <translation>下一个所选间隔或离群间隔（N）</translation>
    </message>
    <message>
        <source>first token p50 {ttft} {mark} · gap p50 {gap} {mark} · p99 {p99} {mark}</source>
        <translation>首 token p50 {ttft} {mark} · 间隔 p50 {gap} {mark} · p99 {p99} {mark}</translation>
    </message>
    <message>
        <source>Time</source>
        <translation>时间</translation>
    </message>
    <message>
        <source>Of requests and tokens, as our client received them.</source>
        <translation>请求与 token 的时间，以本客户端收到为准。</translation>
    </message>
    <message>
        <source>Mean ●</source>
        <translation>平均 ●</translation>
    </message>
    <message>
        <source>The mean, measured.</source>
        <translation>平均值，实测。</translation>
    </message>
    <message>
        <source>p50 ●</source>
        <translation>p50 ●</translation>
    </message>
    <message>
        <source>Half of them took no longer, measured.</source>
        <translation>其中一半不超过此值，实测。</translation>
    </message>
    <message>
        <source>p90 ●</source>
        <translation>p90 ●</translation>
    </message>
    <message>
        <source>Nine of ten took no longer, measured.</source>
        <translation>十分之九不超过此值，实测。</translation>
    </message>
    <message>
        <source>p99 ●</source>
        <translation>p99 ●</translation>
    </message>
    <message>
        <source>99 of 100 took no longer, measured.</source>
        <translation>百分之九十九不超过此值，实测。</translation>
    </message>
    <message>
        <source>First token (TTFT)</source>
        <translation>首 token（TTFT）</translation>
    </message>
    <message>
        <source>From a request&apos;s arrival to its first token.</source>
        <translation>从请求到达到其首个 token。</translation>
    </message>
    <message>
        <source>Chunk to chunk (ITL)</source>
        <translation>块到块（ITL）</translation>
    </message>
    <message>
        <source>From one chunk of a request to its next, pauses left out; a chunk may hold several tokens.</source>
        <translation>从请求的一块到下一块，不含暂停；一块可含多个 token。</translation>
    </message>
    <message>
        <source>A later token (TPOT)</source>
        <translation>后续 token（TPOT）</translation>
    </message>
    <message>
        <source>The time after a request&apos;s first token, divided by the number of its other tokens.</source>
        <translation>请求首个 token 之后的时间，除以其余 token 的个数。</translation>
    </message>
    <message>
        <source>Whole request</source>
        <translation>整个请求</translation>
    </message>
    <message>
        <source>From a request&apos;s arrival to its last token.</source>
        <translation>从请求到达到其最后一个 token。</translation>
    </message>
    <message>
        <source>{n} selected</source>
        <translation>已选 {n} 个</translation>
    </message>
    <message>
        <source>{requests} · {tokens} in {chunks} chunks · {time} {mark}</source>
        <translation>{requests} · {tokens}，分 {chunks} 块收到 · {time} {mark}</translation>
    </message>
    <message>
        <source>An outlier took longer than the third quartile by three times the distance between the quartiles.</source>
        <translation>离群间隔的时长超过第三四分位数三倍四分位距。</translation>
    </message>
    <message>
        <source>The parts of a token&apos;s time, step times and host gaps: {why}</source>
        <translation>token 时间的各部分、步时间与主机间隙：{why}</translation>
    </message>
</context>
<context>
    <name>Subject</name>
    <message>
        <source>request {id}</source>
        <translation>请求 {id}</translation>
    </message>
    <message>
        <source>step {step}</source>
        <translation>第 {step} 步</translation>
    </message>
    <message>
        <source>position {n}</source>
        <translation>位置 {n}</translation>
    </message>
    <message>
        <source>position {n} of the prompt</source>
        <translation>提示词的位置 {n}</translation>
    </message>
    <message>
        <source>no token</source>
        <translation>无 token</translation>
    </message>
</context>
<context>
    <name>Summary</name>
    <message>
        <source>Metric</source>
        <translation>指标</translation>
    </message>
    <message>
        <source>What is compared.</source>
        <translation>比较的内容。</translation>
    </message>
    <message>
        <source>Training (parallel)</source>
        <translation>训练（并行）</translation>
    </message>
    <message>
        <source>One teacher-forced pass over the finished text: all its tokens at once.</source>
        <translation>对已完成文本的一次教师强制前向：一次得到所有 token。</translation>
    </message>
    <message>
        <source>Reference ~</source>
        <translation>参考值 ~</translation>
    </message>
    <message>
        <source>What the reference claims for training.</source>
        <translation>参考文档对训练的说法。</translation>
    </message>
    <message>
        <source>Inference (serial)</source>
        <translation>推理（串行）</translation>
    </message>
    <message>
        <source>The steps that generated the text: each waits for the one before.</source>
        <translation>生成文本的各个步：每一步都要等待前一步。</translation>
    </message>
    <message>
        <source>What the reference claims for inference.</source>
        <translation>参考文档对推理的说法。</translation>
    </message>
    <message>
        <source>Gap</source>
        <translation>差距</translation>
    </message>
    <message>
        <source>How many times the two differ here, derived from both.</source>
        <translation>两者在此相差多少倍，由两者推导。</translation>
    </message>
    <message>
        <source>The gap that the reference claims.</source>
        <translation>参考文档所说的差距。</translation>
    </message>
    <message>
        <source>Computation</source>
        <translation>计算量</translation>
    </message>
    <message>
        <source>Positions the model ran its layers over, and their operations; gap a token.</source>
        <translation>模型各层计算过的位置及其运算数；差距按每个 token 计。</translation>
    </message>
    <message>
        <source>Memory</source>
        <translation>内存</translation>
    </message>
    <message>
        <source>A pass holds one hidden state a position; generation keeps K and V of every layer; gap a position.</source>
        <translation>一次前向每个位置保留一个隐藏状态；生成则保留每一层的 K 和 V；差距按每个位置计。</translation>
    </message>
    <message>
        <source>Utilisation (MFU)</source>
        <translation>利用率（MFU）</translation>
    </message>
    <message>
        <source>Counted operations over the time and the measured peak of this device.</source>
        <translation>计得的运算数除以时间和本设备的实测峰值。</translation>
    </message>
    <message>
        <source>Device busy</source>
        <translation>设备忙碌</translation>
    </message>
    <message>
        <source>What the device itself reports while the steps run.</source>
        <translation>步运行期间设备自己报告的数值。</translation>
    </message>
    <message>
        <source>Throughput</source>
        <translation>吞吐量</translation>
    </message>
    <message>
        <source>A pass&apos;s tokens over its time; generated ones over the run&apos;s, first arrival to last token, no pauses.</source>
        <translation>一次前向的 token 数除以其时间；生成的 token 数除以运行时间（从首个请求到达至最后一个 token，不计暂停）。</translation>
    </message>
    <message>
        <source>Parallelism</source>
        <translation>可并行性</translation>
    </message>
    <message>
        <source>Forward passes, and how many tokens each gives.</source>
        <translation>前向次数，以及每次得到多少 token。</translation>
    </message>
    <message>
        <source>fully parallel</source>
        <translation>完全并行</translation>
    </message>
    <message>
        <source>serial dependence</source>
        <translation>串行依赖</translation>
    </message>
    <message>
        <source>not measured: no teacher-forced pass</source>
        <translation>未测量：没有教师强制前向</translation>
    </message>
    <message>
        <source>not measured: run a prompt</source>
        <translation>未测量：请运行提示词</translation>
    </message>
    <message>
        <source>not measured: record anew to measure this device&apos;s ceilings</source>
        <translation>未测量：重新记录以测量本设备的上限</translation>
    </message>
    <message>
        <source>needs DecodeScope&apos;s own engine</source>
        <translation>需要 DecodeScope 自己的引擎</translation>
    </message>
    <message>
        <source>not told by this server</source>
        <translation>此服务器未提供</translation>
    </message>
    <message>
        <source>FLOPs not told by this server</source>
        <translation>此服务器未提供 FLOPs</translation>
    </message>
    <message>
        <source>not reported: no reading fell into these steps; longer runs hold some</source>
        <translation>未报告：这些步期间没有读数；更长的运行会有</translation>
    </message>
    <message>
        <source>{n} positions</source>
        <translation>{n} 个位置</translation>
    </message>
    <message>
        <source>{n} passes</source>
        <translation>{n} 次前向</translation>
    </message>
    <message>
        <source>1 pass</source>
        <translation>1 次前向</translation>
    </message>
    <message>
        <source>{n} tokens a pass</source>
        <translation>每次前向 {n} 个 token</translation>
    </message>
    <message>
        <source>{n} a position</source>
        <translation>每个位置 {n}</translation>
    </message>
</context>
<context>
    <name>SummaryPanel</name>
    <message>
        <source>Training against inference</source>
        <translation>训练与推理</translation>
    </message>
    <message>
        <source>● measured   ƒ derived   ~ reference</source>
        <translation>● 实测   ƒ 推导   ~ 参考值</translation>
    </message>
    <message>
        <source>● measured by a clock or a counter, ƒ derived from measured counts and shapes, ~ what the reference says.</source>
        <translation>● 由时钟或计数器实测，ƒ 由实测计数与形状推导，~ 为参考值。</translation>
    </message>
    <message>
        <source>&amp;Run with a teacher-forced pass</source>
        <translation>运行并做一次教师强制前向(&amp;R)</translation>
    </message>
    <message>
        <source>Generate the text of this session&apos;s prompts again, then run all of it through the model at once.</source>
        <translation>重新生成本会话提示的文本，然后让全部文本一次通过模型。</translation>
    </message>
    <message>
        <source>Copy as &amp;Markdown</source>
        <translation>复制为 Markdown(&amp;M)</translation>
    </message>
    <message>
        <source>Put this table on the clipboard as Markdown.</source>
        <translation>把此表格以 Markdown 放到剪贴板。</translation>
    </message>
    <message>
        <source>one parallel pass gives tokens {gap} as fast</source>
        <translation>一次并行前向得到 token 的速度为 {gap}</translation>
    </message>
    <message>
        <source>Run a prompt and the comparison of training and inference appears here with what this machine measured.</source>
        <translation>运行提示词，训练与推理的比较会出现在这里，并填入本机的实测值。</translation>
    </message>
    <message>
        <source>steps not told by this server</source>
        <translation>此服务器未提供各步</translation>
    </message>
    <message>
        <source>{cell}
Reference: {claim} ~</source>
        <translation>{cell}
参考值：{claim} ~</translation>
    </message>
    <message>
        <source>steps {first}–{last}</source>
        <translation>第 {first}–{last} 步</translation>
    </message>
</context>
<context>
    <name>SwitchCommands</name>
    <message>
        <source>Switches</source>
        <translation>开关</translation>
    </message>
</context>
<context>
    <name>SwitchControls</name>
    <message>
        <source>KV cache</source>
        <translation>KV 缓存</translation>
    </message>
    <message>
        <source>Attention</source>
        <translation>注意力</translation>
    </message>
    <message>
        <source>CUDA graphs</source>
        <translation>CUDA 图</translation>
    </message>
    <message>
        <source>Compiled step</source>
        <translation>整步编译</translation>
    </message>
    <message>
        <source>Speculate</source>
        <translation>推测</translation>
    </message>
    <message>
        <source>Batching</source>
        <translation>批处理</translation>
    </message>
    <message>
        <source>Recompute every position in every step</source>
        <translation>每一步都重新计算所有位置</translation>
    </message>
    <message>
        <source>Keep keys and values in one buffer a request</source>
        <translation>每个请求用一个缓冲区保存键和值</translation>
    </message>
    <message>
        <source>Keep keys and values in blocks that requests can share</source>
        <translation>以请求之间可共享的块保存键和值</translation>
    </message>
    <message>
        <source>Softmax of QKᵀ times V, written out</source>
        <translation>逐步写出的 softmax(QKᵀ)·V</translation>
    </message>
    <message>
        <source>PyTorch&apos;s fused kernels</source>
        <translation>PyTorch 的融合内核</translation>
    </message>
    <message>
        <source>This project&apos;s tiled kernels for a CPU</source>
        <translation>本项目面向 CPU 的分块内核</translation>
    </message>
    <message>
        <source>This project&apos;s tiled kernels for a GPU</source>
        <translation>本项目面向 GPU 的分块内核</translation>
    </message>
    <message>
        <source>Run each step operation by operation</source>
        <translation>每一步逐个运算执行</translation>
    </message>
    <message>
        <source>Launch each decode step as one recorded graph of kernels</source>
        <translation>每个解码步作为一张已记录的内核图启动</translation>
    </message>
    <message>
        <source>Run each step as one native call over all layers</source>
        <translation>每一步是遍历所有层的一次原生调用</translation>
    </message>
    <message>
        <source>No effect with attention {}</source>
        <translation>注意力为 {} 时不起作用</translation>
    </message>
    <message>
        <source>No effect without a KV cache</source>
        <translation>没有 KV 缓存时不起作用</translation>
    </message>
    <message>
        <source>No effect while attention is recorded</source>
        <translation>记录注意力时不起作用</translation>
    </message>
    <message>
        <source>One token a pass</source>
        <translation>每次前向一个 token</translation>
    </message>
    <message>
        <source>A smaller model proposes k tokens, this one verifies them in one pass</source>
        <translation>较小的模型提出 k 个 token，本模型一次前向验证</translation>
    </message>
    <message>
        <source>The text so far proposes k tokens, the model verifies them in one pass</source>
        <translation>由已有文本提出 k 个 token，模型一次前向验证</translation>
    </message>
    <message>
        <source>One request at a time</source>
        <translation>一次一个请求</translation>
    </message>
    <message>
        <source>Pad to the longest request, wait for the slowest</source>
        <translation>填充到最长的请求，等待最慢的请求</translation>
    </message>
    <message>
        <source>Requests join and leave at every step</source>
        <translation>请求可在每一步加入和离开</translation>
    </message>
    <message>
        <source>Tokens proposed at a time</source>
        <translation>每次提出的 token 数</translation>
    </message>
    <message>
        <source>How many tokens are proposed at a time</source>
        <translation>每次提出多少个 token</translation>
    </message>
</context>
<context>
    <name>TableList</name>
    <message>
        <source>Name</source>
        <translation>名称</translation>
    </message>
    <message>
        <source>Unit</source>
        <translation>单位</translation>
    </message>
</context>
<context>
    <name>TakeOver</name>
    <message>
        <source>No recording is shown.</source>
        <translation>没有显示记录。</translation>
    </message>
    <message>
        <source>The next run has the settings of this recording. It was made with the model {}.</source>
        <translation>下一次运行采用此记录的设置。此记录所用的模型是 {}。</translation>
    </message>
    <message>
        <source>The next run has these settings.</source>
        <translation>下一次运行采用这些设置。</translation>
    </message>
</context>
<context>
    <name>TimeSplit</name>
    <message>
        <source>Device busy, host only, and gaps between steps</source>
        <translation>设备忙、仅主机、步间间隙</translation>
    </message>
    <message>
        <source>device busy {time} ({share}) {mark}</source>
        <translation>设备忙 {time}（{share}）{mark}</translation>
    </message>
    <message>
        <source>host only {time} ({share}) {mark}</source>
        <translation>仅主机 {time}（{share}）{mark}</translation>
    </message>
    <message>
        <source>in steps {time} ({share}) {mark}</source>
        <translation>步内 {time}（{share}）{mark}</translation>
    </message>
    <message>
        <source>between steps {time} ({share}) {mark}</source>
        <translation>步间 {time}（{share}）{mark}</translation>
    </message>
</context>
<context>
    <name>Timeline</name>
    <message>
        <source>“{text}”  token {id}, position {position} of request {request}</source>
        <translation>“{text}” token {id}，请求 {request} 的位置 {position}</translation>
    </message>
    <message>
        <source>log-probability {logprob} {mark}   entropy {entropy} nats {mark}</source>
        <translation>对数概率 {logprob} {mark}   熵 {entropy} nats {mark}</translation>
    </message>
    <message>
        <source>{} after the token before {}</source>
        <translation>距上一个 token {} {}</translation>
    </message>
    <message>
        <source>▲ proposed by the draft and accepted</source>
        <translation>▲ 由草稿提出并被接受</translation>
    </message>
    <message>
        <source>◆ bonus: drawn after every draft was accepted</source>
        <translation>◆ bonus token：草稿全部被接受后额外采样</translation>
    </message>
    <message>
        <source>this step accepted {accepted} of {proposed} drafts {mark}</source>
        <translation>此步接受 {accepted} / {proposed} 个草稿 {mark}</translation>
    </message>
    <message>
        <source>received {} later {}</source>
        <translation>{} 后收到 {}</translation>
    </message>
    <message>
        <source>log-probability and entropy: {}</source>
        <translation>对数概率与熵：{}</translation>
    </message>
    <message>
        <source>log-probability {logprob} {mark}   entropy: {untold}</source>
        <translation>对数概率 {logprob} {mark}   熵：{untold}</translation>
    </message>
    <message>
        <source>{} after the chunk before {}</source>
        <translation>距上一块 {} {}</translation>
    </message>
    <message>
        <source>step {step} ({kind}, {kernel}): {wall} {mark}</source>
        <translation>第 {step} 步（{kind}，{kernel}）：{wall} {mark}</translation>
    </message>
    <message>
        <source>step {step} ({kind}): {wall} {mark}</source>
        <translation>第 {step} 步（{kind}）：{wall} {mark}</translation>
    </message>
    <message>
        <source>step {step}: {wall} {mark}</source>
        <translation>第 {step} 步：{wall} {mark}</translation>
    </message>
    <message>
        <source>phases: {}</source>
        <translation>阶段：{}</translation>
    </message>
    <message>
        <source>new</source>
        <translation>新计算</translation>
    </message>
    <message>
        <source>recomputed</source>
        <translation>重复计算</translation>
    </message>
    <message>
        <source>padding</source>
        <translation>填充</translation>
    </message>
    <message>
        <source>rejected</source>
        <translation>被拒绝</translation>
    </message>
    <message>
        <source>reused</source>
        <translation>复用</translation>
    </message>
    <message>
        <source>padding {}</source>
        <translation>填充：{}</translation>
    </message>
    <message>
        <source>positions: {} {}</source>
        <translation>位置：{} {}</translation>
    </message>
    <message>
        <source>device busy {time} ({share}) {mark}</source>
        <translation>设备忙碌 {time}（{share}）{mark}</translation>
    </message>
    <message>
        <source>{} idle before it {}</source>
        <translation>之前空闲 {} {}</translation>
    </message>
    <message>
        <source>Colours: each group’s share of the step’s time over all layers, not the order in which it ran.</source>
        <translation>颜色：各部分在该步所有层中所占的时间比例，不代表执行顺序。</translation>
    </message>
    <message>
        <source>request {}: “{}”</source>
        <translation>请求 {}：“{}”</translation>
    </message>
    <message>
        <source>{prompt} prompt tokens, {out} generated</source>
        <translation>提示词 {prompt} 个 token，已生成 {out} 个</translation>
    </message>
    <message>
        <source>waited {} {}</source>
        <translation>等待 {} {}</translation>
    </message>
    <message>
        <source>first token after {} {}</source>
        <translation>首 token 用时 {} {}</translation>
    </message>
    <message>
        <source>finished: {}</source>
        <translation>结束：{}</translation>
    </message>
    <message>
        <source>kernel {}</source>
        <translation>内核：{}</translation>
    </message>
    <message>
        <source>colours by the names of kernels and ranges; where too narrow to draw: shares of time</source>
        <translation>颜色取自内核和区间的名称；太窄而无法单独绘出处，显示时间占比</translation>
    </message>
    <message>
        <source>draft accepted</source>
        <translation>草稿被接受</translation>
    </message>
    <message>
        <source>draft rejected</source>
        <translation>草稿被拒绝</translation>
    </message>
    <message>
        <source>step {step}: {proposed} drafts proposed and verified {measured}
{accepted} accepted ({share} {derived}), {rejected} rejected {measured}</source>
        <translation>第 {step} 步：提出并验证了 {proposed} 个草稿 {measured}
接受 {accepted} 个（{share} {derived}），拒绝 {rejected} 个 {measured}</translation>
    </message>
    <message>
        <source>paused</source>
        <translation>已暂停</translation>
    </message>
    <message>
        <source>rest {}</source>
        <translation>等待 {}</translation>
    </message>
    <message>
        <source>between runs {}</source>
        <translation>两次运行之间 {}</translation>
    </message>
    <message>
        <source>paused {}</source>
        <translation>暂停 {}</translation>
    </message>
    <message>
        <source>{} tokens in one chunk; nothing is known about the times within it</source>
        <translation>一块中有 {} 个 token；块内各 token 的时间未知</translation>
    </message>
    <message>
        <source>{} waiting</source>
        <translation>{} 个等待中</translation>
    </message>
    <message>
        <source>{} finished</source>
        <translation>{} 个已结束</translation>
    </message>
    <message>
        <source>{group}, folded</source>
        <translation>{group}，已折叠</translation>
    </message>
    <message>
        <source>{} running</source>
        <translation>{} 个运行中</translation>
    </message>
    <message>
        <source>lanes in view: {}</source>
        <translation>可见泳道：{}</translation>
    </message>
    <message>
        <source>above and below: {}</source>
        <translation>上下方：{}</translation>
    </message>
    <message>
        <source>folded: {}</source>
        <translation>已折叠：{}</translation>
    </message>
    <message>
        <source>{} of them waited at this time</source>
        <translation>其中 {} 个当时在等待</translation>
    </message>
    <message>
        <source>{} of them ran at this time</source>
        <translation>其中 {} 个当时在运行</translation>
    </message>
    <message>
        <source>A click unfolds the group, a lane for each request.</source>
        <translation>单击展开该组，每个请求一条泳道。</translation>
    </message>
    <message>
        <source>A click folds the group into one lane.</source>
        <translation>单击将该组折叠为一条泳道。</translation>
    </message>
    <message>
        <source>step {step}, layer {layer}, {phase}: {time} {measured} ({share} of the step {derived})</source>
        <translation>第 {step} 步，第 {layer} 层，{phase}：{time} {measured}（占该步 {share} {derived}）</translation>
    </message>
    <message>
        <source>step {step}, {phase}: {time} {measured} ({share} of the step {derived})</source>
        <translation>第 {step} 步，{phase}：{time} {measured}（占该步 {share} {derived}）</translation>
    </message>
    <message>
        <source>no phase accounts for it: when it was is not known; drawn last</source>
        <translation>不属于任何阶段：何时发生未知，画在最后</translation>
    </message>
    <message>
        <source>its place {derived}: measured times end to end, in the order in which the model runs</source>
        <translation>位置 {derived}：把实测时间按模型的执行顺序首尾相接</translation>
    </message>
    <message>
        <source>all norms of the layer; some run later, before ffn</source>
        <translation>该层的全部归一化；其中一部分稍后在 ffn 之前执行</translation>
    </message>
    <message>
        <source>Each step in the order in which the model runs: its layers, and below them their phases.
Durations are measured ●. Places are derived ƒ: the durations end to end, as moments are not recorded.
A double click shows one layer.</source>
        <translation>每一步按模型的执行顺序显示：各层，以及其下的各阶段。
时长为实测 ●。位置为推导 ƒ：没有记录时刻，因此把时长首尾相接。
双击可放大到一层。</translation>
    </message>
    <message>
        <source>zoom in to see the layers of each step in their order (W, wheel)</source>
        <translation>放大后可按顺序看到每一步的各层（W、滚轮）</translation>
    </message>
    <message>
        <source>reading the layers…</source>
        <translation>正在读取各层…</translation>
    </message>
    <message>
        <source>layer {}</source>
        <translation>第 {} 层</translation>
    </message>
    <message>
        <source>and {} more</source>
        <translation>另有 {} 项</translation>
    </message>
    <message>
        <source>stream {}</source>
        <translation>流 {}</translation>
    </message>
    <message>
        <source>gpu {device}: {stream}</source>
        <translation>gpu {device}：{stream}</translation>
    </message>
    <message>
        <source>{} streams</source>
        <translation>{} 个流</translation>
    </message>
    <message>
        <source>no kernels in this trace</source>
        <translation>此 trace 中没有内核</translation>
    </message>
    <message>
        <source>its end is not told</source>
        <translation>结束时刻未提供</translation>
    </message>
    <message>
        <source>grid {}</source>
        <translation>grid {}</translation>
    </message>
    <message>
        <source>block {}</source>
        <translation>block {}</translation>
    </message>
    <message>
        <source>launched in step {}</source>
        <translation>在第 {} 步中启动</translation>
    </message>
    <message>
        <source>in no step: nothing tells where it was launched</source>
        <translation>不在任何步内：没有信息表明它在何处启动</translation>
    </message>
    <message>
        <source>launched by {}</source>
        <translation>由 {} 启动</translation>
    </message>
    <message>
        <source>{all} {mark}, {own} of it its own</source>
        <translation>{all} {mark}，其中自身 {own}</translation>
    </message>
    <message>
        <source>its end is not told: drawn until what is around it ends</source>
        <translation>结束时刻未提供：画到外层区间结束为止</translation>
    </message>
    <message>
        <source>in step {}</source>
        <translation>在第 {} 步中</translation>
    </message>
    <message>
        <source>no name tells its phase</source>
        <translation>名称未表明其阶段</translation>
    </message>
    <message>
        <source>phase {phase} (in {group}), by names</source>
        <translation>阶段 {phase}（属于{group}），由名称判断</translation>
    </message>
</context>
<context>
    <name>TimelineCanvas</name>
    <message>
        <source>Scroll the requests</source>
        <translation>滚动请求</translation>
    </message>
    <message>
        <source>Timeline of steps, tokens and requests</source>
        <translation>步、token 与请求的时间线</translation>
    </message>
    <message>
        <source>Left and right walk through tokens, up and down through requests; W and S zoom, A and D pan.</source>
        <translation>左右键逐个 token，上下键逐个请求；W 和 S 缩放，A 和 D 平移。</translation>
    </message>
    <message>
        <source>host</source>
        <translation>主机</translation>
    </message>
    <message>
        <source>(shares)</source>
        <translation>（占比）</translation>
    </message>
    <message>
        <source>host shares</source>
        <translation>主机占比</translation>
    </message>
    <message>
        <source>device</source>
        <translation>设备</translation>
    </message>
    <message>
        <source>layers</source>
        <translation>各层</translation>
    </message>
    <message>
        <source>drafts</source>
        <translation>草稿</translation>
    </message>
    <message>
        <source>idle {}</source>
        <translation>空闲 {}</translation>
    </message>
    <message>
        <source>phases: not told by this server</source>
        <translation>阶段：此服务器未提供</translation>
    </message>
    <message>
        <source>host: shares of each step’s time, not their order</source>
        <translation>主机：各部分占每步时间的比例，不代表顺序</translation>
    </message>
    <message>
        <source>layers: measured times ● in the model’s order ƒ</source>
        <translation>各层：实测时间 ●，按模型顺序 ƒ</translation>
    </message>
    <message>
        <source>not reported by this device</source>
        <translation>此设备未报告</translation>
    </message>
    <message>
        <source>not told by this server</source>
        <translation>此服务器未提供</translation>
    </message>
    <message>
        <source>phases not timed; detail “phase” does</source>
        <translation>未对阶段计时；采集粒度设为“phase”才会</translation>
    </message>
    <message>
        <source>req {}</source>
        <translation>请求 {}</translation>
    </message>
    <message>
        <source>waits {}</source>
        <translation>等待 {}</translation>
    </message>
    <message>
        <source>steps</source>
        <translation>步</translation>
    </message>
    <message>
        <source>a mark: tokens that our client received at one moment</source>
        <translation>一个标记：本客户端同一时刻收到的 token</translation>
    </message>
    <message>
        <source>first token after {}</source>
        <translation>首 token 用时 {}</translation>
    </message>
</context>
<context>
    <name>TimelineMarkMenu</name>
    <message>
        <source>Go to its step</source>
        <translation>转到所在的步</translation>
    </message>
    <message>
        <source>Rename mark…</source>
        <translation>重命名标记…</translation>
    </message>
    <message>
        <source>Remove mark</source>
        <translation>删除标记</translation>
    </message>
    <message>
        <source>Put a mark here</source>
        <translation>在此处做标记</translation>
    </message>
</context>
<context>
    <name>TimelinePanel</name>
    <message>
        <source>Follow (L)</source>
        <translation>跟随（L）</translation>
    </message>
    <message>
        <source>Keep the newest steps in view (L)</source>
        <translation>保持最新的步可见（L）</translation>
    </message>
    <message>
        <source>Every step, token and pause appears here as soon as a generation runs.</source>
        <translation>开始生成后，每一步、每个 token 和停顿都会显示在这里。</translation>
    </message>
    <message>
        <source>paused {time} {mark}</source>
        <translation>暂停 {time} {mark}</translation>
    </message>
    <message>
        <source>{steps} · {tokens} · {span} {mark} · idle {idle} {mark}</source>
        <translation>{steps} · {tokens} · {span} {mark} · 空闲 {idle} {mark}</translation>
    </message>
    <message>
        <source>{} kernels</source>
        <translation>{} 个内核</translation>
    </message>
    <message>
        <source>{} ranges</source>
        <translation>{} 个区间</translation>
    </message>
    <message>
        <source>steps</source>
        <translation>步</translation>
    </message>
    <message>
        <source>time</source>
        <translation>时间</translation>
    </message>
    <message>
        <source>The axis counts steps; press for time</source>
        <translation>横轴按步计数；按下切换为时间</translation>
    </message>
    <message>
        <source>The axis is time; press for steps</source>
        <translation>横轴为时间；按下切换为步</translation>
    </message>
</context>
<context>
    <name>TokenFlow</name>
    <message>
        <source>Attention over the text</source>
        <translation>文本上的注意力</translation>
    </message>
    <message>
        <source>{name}: attention {share}  ● measured</source>
        <translation>{name}：注意力 {share}  ● 实测</translation>
    </message>
</context>
<context>
    <name>Trace</name>
    <message>
        <source>kernel</source>
        <translation>内核</translation>
    </message>
    <message>
        <source>copy</source>
        <translation>拷贝（memcpy）</translation>
    </message>
    <message>
        <source>fill</source>
        <translation>填充（memset）</translation>
    </message>
    <message>
        <source>annotation</source>
        <translation>标注</translation>
    </message>
    <message>
        <source>operation</source>
        <translation>算子</translation>
    </message>
    <message>
        <source>call of the runtime</source>
        <translation>运行时调用</translation>
    </message>
    <message>
        <source>module</source>
        <translation>模块</translation>
    </message>
    <message>
        <source>The trace is cut short: {why}. What could be read is here.</source>
        <translation>此 trace 不完整：{why}。能读取的部分显示在这里。</translation>
    </message>
    <message>
        <source>{n} events could not be read and are left out.</source>
        <translation>{n} 个事件无法读取，已略去。</translation>
    </message>
    <message>
        <source>{n} began and did not end: their ends are not told.</source>
        <translation>{n} 个有开始而没有结束：结束时刻未提供。</translation>
    </message>
    <message>
        <source>{n} ends have no beginning and are left out.</source>
        <translation>{n} 个结束没有对应的开始，已略去。</translation>
    </message>
    <message>
        <source>Not kept, as they are neither kernels nor ranges: {kinds}.</source>
        <translation>因既非内核也非区间而未保留：{kinds}。</translation>
    </message>
</context>
<context>
    <name>Unavailable</name>
    <message>
        <source>A server cannot be paused from here.</source>
        <translation>无法从这里暂停服务器。</translation>
    </message>
    <message>
        <source>A server cannot be slowed down from here.</source>
        <translation>无法从这里放慢服务器。</translation>
    </message>
    <message>
        <source>A server&apos;s switches cannot be flipped from here.</source>
        <translation>无法从这里切换服务器的开关。</translation>
    </message>
    <message>
        <source>A server&apos;s device cannot be measured from here.</source>
        <translation>无法从这里测量服务器的设备。</translation>
    </message>
    <message>
        <source>What a server tells cannot be chosen from here.</source>
        <translation>无法从这里选择服务器提供什么。</translation>
    </message>
    <message>
        <source>Attention is not told by a server.</source>
        <translation>服务器不提供注意力。</translation>
    </message>
    <message>
        <source>This needs DecodeScope&apos;s own engine: detach from the server first.</source>
        <translation>这需要 DecodeScope 自带的引擎：请先断开与服务器的连接。</translation>
    </message>
</context>
<context>
    <name>Untold</name>
    <message>
        <source>Not told by this server.</source>
        <translation>此服务器未提供。</translation>
    </message>
    <message>
        <source>Not told: it needs the recorder inside vLLM (see README, “vLLM and other servers”).</source>
        <translation>未提供：需要 vLLM 内的记录器（见 README.zh.md 的“vLLM 与其他服务器”）。</translation>
    </message>
    <message>
        <source>Not asked for: attach with --logprobs N.</source>
        <translation>未请求：请用 --logprobs N 连接。</translation>
    </message>
    <message>
        <source>Not told by a profiler&apos;s trace.</source>
        <translation>profiler trace 未提供。</translation>
    </message>
    <message>
        <source>No range of the trace names its steps: call the profiler&apos;s step(), or name ranges decode, prefill or step.</source>
        <translation>trace 中没有标出步的区间：请调用 profiler 的 step()，或将区间命名为 decode、prefill 或 step。</translation>
    </message>
    <message>
        <source>not told by this trace</source>
        <translation>此 trace 未提供</translation>
    </message>
    <message>
        <source>not told by this server</source>
        <translation>此服务器未提供</translation>
    </message>
    <message>
        <source>A profiler&apos;s trace tells of kernels and ranges, not of tokens, positions or memory. This panel needs a run of DecodeScope&apos;s own engine, or a server. Timeline and Kernels show the trace.</source>
        <translation>profiler trace 只提供内核和区间，不提供 token、位置或内存。此面板需要用 DecodeScope 自己的引擎运行，或连接服务器。“时间线”和“内核”面板会显示该 trace。</translation>
    </message>
    <message>
        <source>A comparison of two precisions tells of a text that is given, not of one that is generated step by step. This panel needs a run; Precision shows the comparison.</source>
        <translation>两种精度的对比读的是给定的文本，而不是逐步生成的文本。此面板需要一次运行；对比见“精度”。</translation>
    </message>
</context>
<context>
    <name>UtilisationPanel</name>
    <message>
        <source>steps</source>
        <translation>步</translation>
    </message>
    <message>
        <source>time</source>
        <translation>时间</translation>
    </message>
    <message>
        <source>Axis</source>
        <translation>横轴</translation>
    </message>
    <message>
        <source>What the lanes share: an axis of steps, or of seconds.</source>
        <translation>各泳道共用的横轴：步或秒。</translation>
    </message>
    <message>
        <source>&amp;Over</source>
        <translation>按(&amp;O)</translation>
    </message>
    <message>
        <source>Device readings and utilisation over the run</source>
        <translation>运行期间的设备读数与利用率</translation>
    </message>
    <message>
        <source>CPU</source>
        <translation>CPU</translation>
    </message>
    <message>
        <source>GPU busy</source>
        <translation>GPU 忙碌</translation>
    </message>
    <message>
        <source>not reported</source>
        <translation>未报告</translation>
    </message>
    <message>
        <source>ceilings measured on a busy machine</source>
        <translation>上限是在繁忙的机器上测得的</translation>
    </message>
    <message>
        <source>{joules} a token {mark}</source>
        <translation>每 token {joules} {mark}</translation>
    </message>
    <message>
        <source>Run a prompt and what the device reports appears here, beside how much of it the steps use.</source>
        <translation>运行提示词后，设备报告的读数及各步的使用程度会显示在这里。</translation>
    </message>
    <message>
        <source>step</source>
        <translation>步</translation>
    </message>
    <message>
        <source>{title}: not reported by {device}</source>
        <translation>{title}：{device} 未报告</translation>
    </message>
    <message>
        <source>{title}: not reported, no ceiling was measured; {rate} {mark}</source>
        <translation>{title}：未报告，没有测量上限；{rate} {mark}</translation>
    </message>
    <message>
        <source>{title}  {share} {mark} · {rate} of {peak} measured</source>
        <translation>{title}  {share} {mark} · {rate}，实测上限 {peak}</translation>
    </message>
    <message>
        <source> · ceiling measured under load; measure again</source>
        <translation> · 上限是在负载下测得的；请重新测量</translation>
    </message>
    <message>
        <source>{title}: no reading in the selected steps</source>
        <translation>{title}：所选步内没有读数</translation>
    </message>
    <message>
        <source>{title}  {now} {mark} · mean {mean} · max {most}</source>
        <translation>{title}  {now} {mark} · 平均 {mean} · 最大 {most}</translation>
    </message>
    <message>
        <source>GPU memory busy</source>
        <translation>GPU 显存忙碌</translation>
    </message>
    <message>
        <source>GPU memory used</source>
        <translation>GPU 显存已用</translation>
    </message>
    <message>
        <source>Power</source>
        <translation>功耗</translation>
    </message>
    <message>
        <source>Temperature</source>
        <translation>温度</translation>
    </message>
    <message>
        <source>SM clock</source>
        <translation>SM 时钟</translation>
    </message>
    <message>
        <source>Memory clock</source>
        <translation>显存时钟</translation>
    </message>
    <message>
        <source>CPU of the engine (100 % is one core)</source>
        <translation>引擎 CPU（100 % 为一个核）</translation>
    </message>
    <message>
        <source>CPU of the machine</source>
        <translation>整机 CPU</translation>
    </message>
    <message>
        <source>Memory of the engine (RSS)</source>
        <translation>引擎内存（RSS）</translation>
    </message>
    <message>
        <source>Memory bandwidth used (MBU)</source>
        <translation>内存带宽利用率（MBU）</translation>
    </message>
    <message>
        <source>Arithmetic used (MFU)</source>
        <translation>算力利用率（MFU）</translation>
    </message>
    <message>
        <source>figures of steps {first}–{last}</source>
        <translation>第 {first}–{last} 步的数值</translation>
    </message>
    <message>
        <source>by the server&apos;s own counters; its devices: {}</source>
        <translation>来自服务器自己的计数器；其设备：{}</translation>
    </message>
    <message>
        <source>no device reading yet</source>
        <translation>还没有设备读数</translation>
    </message>
    <message>
        <source>GPU and power: not reported</source>
        <translation>GPU 与功耗：未报告</translation>
    </message>
    <message>
        <source>and {} more devices</source>
        <translation>以及另外 {} 个设备</translation>
    </message>
</context>
<context>
    <name>Waiting</name>
    <message>
        <source>Close without it</source>
        <translation>不等待，直接关闭</translation>
    </message>
    <message>
        <source>{} is still being written. The window closes when it is whole.</source>
        <translation>{} 仍在写入。写完后窗口会关闭。</translation>
    </message>
</context>
<context>
    <name>WatchControl</name>
    <message>
        <source>The watch goes on in a new recording: “Back to the live run” shows it.</source>
        <translation>观察在新的记录中继续：“回到正在进行的运行”会显示它。</translation>
    </message>
</context>
<context>
    <name>WhySlow</name>
    <message>
        <source>Step {step} took {time} {mark}, {compared}.</source>
        <translation>第 {step} 步用时 {time} {mark}，{compared}。</translation>
    </message>
    <message>
        <source>about as long as the median of {peers} ({median})</source>
        <translation>与{peers}的中位数（{median}）相当</translation>
    </message>
    <message>
        <source>{ratio}× the median of {peers} ({median})</source>
        <translation>为{peers}的中位数（{median}）的 {ratio}×</translation>
    </message>
    <message>
        <source>{time} {part}</source>
        <translation>{time} {part}</translation>
    </message>
    <message>
        <source>{time} unexplained</source>
        <translation>{time} 未解释</translation>
    </message>
    <message>
        <source>{compared}: {parts}</source>
        <translation>{compared}：{parts}</translation>
    </message>
    <message>
        <source>{n} other {kind} steps of {least} requests</source>
        <translation>另外 {n} 个含 {least} 个请求的{kind}步</translation>
    </message>
    <message>
        <source>{n} other {kind} steps of {least} to {most} requests</source>
        <translation>另外 {n} 个含 {least} 至 {most} 个请求的{kind}步</translation>
    </message>
    <message>
        <source>{n} other {kind} steps with these settings</source>
        <translation>另外 {n} 个设置相同的{kind}步</translation>
    </message>
    <message>
        <source>{n} other {kind} steps of any settings</source>
        <translation>另外 {n} 个不限设置的{kind}步</translation>
    </message>
    <message>
        <source>{n} other {kind} steps of one request</source>
        <translation>另外 {n} 个只含 1 个请求的{kind}步</translation>
    </message>
    <message>
        <source>it computed {here} positions instead of {usual}</source>
        <translation>计算了 {here} 个位置，而非通常的 {usual} 个</translation>
    </message>
    <message>
        <source>it computed {here} positions instead of {usual}, {again} of them again</source>
        <translation>计算了 {here} 个位置，而非通常的 {usual} 个，其中 {again} 个为重复计算</translation>
    </message>
    <message>
        <source>it computed {again} positions again</source>
        <translation>重复计算了 {again} 个位置</translation>
    </message>
    <message>
        <source>unlike them it ran operation by operation</source>
        <translation>与它们不同：逐个运算执行</translation>
    </message>
    <message>
        <source>unlike them it was replayed as a graph</source>
        <translation>与它们不同：作为 CUDA 图重放</translation>
    </message>
    <message>
        <source>unlike them it was replayed as a graph that is timed</source>
        <translation>与它们不同：作为计时的 CUDA 图重放</translation>
    </message>
    <message>
        <source>unlike them it ran as one compiled call</source>
        <translation>与它们不同：以一次编译好的调用执行</translation>
    </message>
    <message>
        <source>unlike them it ran {kernel}</source>
        <translation>与它们不同：运行的是 {kernel}</translation>
    </message>
    <message>
        <source>before it: {what}</source>
        <translation>此步之前：{what}</translation>
    </message>
    <message>
        <source>the run rested right before it</source>
        <translation>此步之前运行刚停歇过</translation>
    </message>
    <message>
        <source>the gap before it was {gap} instead of {usual}</source>
        <translation>此步之前的空隙为 {gap}，而非通常的 {usual}</translation>
    </message>
</context>
</TS>
