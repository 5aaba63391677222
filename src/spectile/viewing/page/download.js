// Saves a text that the server keeps ready.
export default ({texts}) => {
  const link = document.createElement("a")
  link.href = URL.createObjectURL(new Blob([texts.data.text[0]], {type: "text/csv"}))
  link.download = texts.data.name[0]
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), 10000)
}
